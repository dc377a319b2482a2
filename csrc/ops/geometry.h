// SPDX-License-Identifier: MIT
/// \file
/// The geometry of edges: length, and spherical harmonics of the direction.
#pragma once

#include <cstdint>

namespace mlip::ops {

template <class T>
struct GeometryArguments {
  int l_max;
  const T *r, *r_tangent = nullptr;      ///< [E, 3]
  const T *adjoint_distance = nullptr;   ///< [E], backward only
  const T *adjoint_harmonics = nullptr;  ///< [E, (l_max+1)^2], backward only
  T *distance = nullptr;                 ///< [E], forward only
  T *harmonics = nullptr;                ///< [E, (l_max+1)^2], forward only
  T *grad_r = nullptr;                   ///< [E, 3], backward only
};

/// For the edges begin .. end-1. With a tangent: the derivative along it.
template <class T>
using GeometryKernel = void (*)(const GeometryArguments<T> &arguments, int64_t begin, int64_t end);

template <class T>
struct GeometryKernels {
  GeometryKernel<T> forward, backward, forward_derivative, backward_derivative;
};

}  // namespace mlip::ops
