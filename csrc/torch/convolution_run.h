// SPDX-License-Identifier: MIT
/// \file
/// The convolution kernels on tensors, without autograd.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "ops/convolution.h"

namespace mlip {

struct DevicePlan;

/// What the kernels need to know of the edges and of the tensor product; made anew for each call.
struct ConvolutionPlan {
  std::vector<ops::Path> paths;
  std::vector<ops::Entry> entries;
  std::vector<int64_t> first_edge;  // [n_local + 1]
  int64_t most_edges = 0;           // of one centre
  at::Tensor centre, neighbour;     // [E]
  int64_t n_local = 0, n_all = 0, channels = 0;
  int n_coupled = 0, n_harmonics = 0, n_features = 0, n_rows = 0;
  std::shared_ptr<const DevicePlan> device;  // null: on the processor; else first_edge is empty
};

/// Checks shapes and indices. `coupling`: for each path (l1, l2, l3) - by l3, then l1, then l2 - the tensor
/// [2 l1 + 1, 2 l2 + 1, 2 l3 + 1], flattened and joined.
ConvolutionPlan plan_convolution(const at::Tensor& features, const at::Tensor& harmonics, const at::Tensor& centre,
                                 const at::Tensor& neighbour, int64_t n_local, int64_t l_in, int64_t l_max,
                                 const at::Tensor& coupling);

/// Radial weights: given per edge, or as a table of the distance.
struct RadialInput {
  at::Tensor weights;  // [E, n_paths, channels]
  at::Tensor table;    // [n_tables, n_intervals + 5, n_paths, channels], see ops/spline.h
  at::Tensor distance;
  at::Tensor which;  // [E], read when there are several tables
  double first = 0.0, per_length = 0.0;
};

struct ConvolutionTangents {
  at::Tensor weights, harmonics, features;  // undefined: zero
  bool any() const { return weights.defined() || harmonics.defined() || features.defined(); }
};

/// Everything that is given, for kernels. Pointers into the plan and the tensors.
template <class T>
ops::ConvolutionArguments<T> convolution_arguments(const ConvolutionPlan& plan, const RadialInput& radial,
                                                   const at::Tensor& harmonics, const at::Tensor& features,
                                                   const ConvolutionTangents& tangents);

struct ConvolutionGradients {
  at::Tensor weights, distance, harmonics, features;
};

/// [n_local, n_rows, channels]; with tangents its derivative along them.
at::Tensor run_forward(const ConvolutionPlan& plan, const RadialInput& radial, const at::Tensor& harmonics,
                       const at::Tensor& features, const ConvolutionTangents& tangents = {});

/// Gradients of sum(out * adjoint); with tangents their derivative.
ConvolutionGradients run_backward(const ConvolutionPlan& plan, const RadialInput& radial, const at::Tensor& harmonics,
                                  const at::Tensor& features, const at::Tensor& adjoint, bool want_radial,
                                  bool want_harmonics, bool want_features, const ConvolutionTangents& tangents = {});

}  // namespace mlip
