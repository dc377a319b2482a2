// SPDX-License-Identifier: MIT
/// \file
/// Sums over windows of six consecutive rows of a matrix: what splines are with their pieces as factors.
///
/// The form T(f, R, g) = sum over e, m of f[e, m] R[start[e] + m] . g[e] is linear in each argument; each kernel gives
/// its derivative by one of them.
#pragma once

#include <cstdint>

#include "ops/spline.h"

namespace mlip::ops {

template <class T>
struct WindowArguments {
  int64_t columns;
  const int64_t *start;  ///< [E] first row of each window
  T *factors;            ///< [E, SPLINE_PIECES]
  T *rows;               ///< [rows, columns]
  T *sums;               ///< [E, columns]
};

/// For the windows begin .. end-1.
template <class T>
using WindowKernel = void (*)(const WindowArguments<T> &arguments, int64_t begin, int64_t end);

template <class T>
struct WindowKernels {
  WindowKernel<T> sums;     ///< writes `sums`
  WindowKernel<T> rows;     ///< adds to `rows`
  WindowKernel<T> factors;  ///< writes `factors`
};

}  // namespace mlip::ops
