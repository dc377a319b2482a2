// SPDX-License-Identifier: MIT
/// \file
/// The kernels of each instruction set, and the choice between them.
#pragma once

#include "ops/contraction.h"
#include "ops/convolution.h"
#include "ops/density.h"
#include "ops/geometry.h"
#include "ops/windows.h"

namespace mlip::ops {

enum class Isa { baseline, avx2, avx512 };

template <class T>
struct Kernels {
  const ConvolutionKernels<T> &convolution;
  const ContractionKernels<T> &contraction;
  const GeometryKernels<T> &geometry;
  const DensityKernels<T> &density;
  const WindowKernels<T> &windows;
};

template <Isa ISA, class T>
struct KernelsOf {
  static const ConvolutionKernels<T> convolution;
  static const ContractionKernels<T> contraction;
  static const GeometryKernels<T> geometry;
  static const DensityKernels<T> density;
  static const WindowKernels<T> windows;
  static Kernels<T> all() { return {convolution, contraction, geometry, density, windows}; }
};

/// What the processor runs.
Isa best_isa();

/// The instruction set in use, by default the best one. Tests choose others; returns false where the processor lacks
/// it.
Isa current_isa();
bool use_isa(Isa isa);

template <class T>
Kernels<T> kernels();

}  // namespace mlip::ops
