// SPDX-License-Identifier: MIT
/// \file
/// The kernels of each instruction set, and the choice between them.
#pragma once

#include "ops/contraction.h"
#include "ops/convolution.h"

namespace mlip::ops {

enum class Isa { baseline, avx2, avx512 };

template <class T>
struct Kernels {
  ConvolutionKernels<T> convolution;
  ContractionKernels<T> contraction;
};

template <Isa ISA, class T>
struct KernelsOf {
  static const Kernels<T> table;
};

/// What the processor runs.
Isa best_isa();

/// The instruction set in use, by default the best one. Tests choose others; returns false where the processor lacks
/// it.
Isa current_isa();
bool use_isa(Isa isa);

template <class T>
const Kernels<T> &kernels();

}  // namespace mlip::ops
