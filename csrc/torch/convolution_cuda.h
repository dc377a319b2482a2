// SPDX-License-Identifier: MIT
/// \file
/// The convolution on a device. Its plan needs nothing of the edges, and is kept for the next call.
#pragma once

#include "torch/convolution_run.h"

namespace mlip {

/// Constants of a tensor product on a device.
struct DevicePlan {
  at::Tensor paths;              // ops::Path, as bytes
  at::Tensor couplings[2];       // cuda::Coupling of float and double, as bytes
  at::Tensor by_harmonic[2];     // the same, sorted by harmonic
  at::Tensor first_by_harmonic;  // [n_harmonics + 1] int32
};

/// Paths and constants of the plan, once `coupling` was used with the same degrees without copies or waiting.
/// `plan_paths` fills in the paths and entries.
void plan_on_device(ConvolutionPlan& plan, int64_t l_in, int64_t l_max, const at::Tensor& coupling,
                    void (*plan_paths)(ConvolutionPlan&, int, int, const at::Tensor&));

at::Tensor run_forward_on_device(const ConvolutionPlan& plan, const RadialInput& radial, const at::Tensor& harmonics,
                                 const at::Tensor& features, const ConvolutionTangents& tangents);

ConvolutionGradients run_backward_on_device(const ConvolutionPlan& plan, const RadialInput& radial,
                                            const at::Tensor& harmonics, const at::Tensor& features,
                                            const at::Tensor& adjoint, bool want_radial, bool want_harmonics,
                                            bool want_features, const ConvolutionTangents& tangents);

}  // namespace mlip
