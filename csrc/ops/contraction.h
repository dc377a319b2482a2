// SPDX-License-Identifier: MIT
/// \file
/// The symmetric contraction: per atom and channel, polynomials of the message with coefficients of the atom's species.
///
/// Each component of the output is a tree in Horner form, B = sum_i x_i (c_i + sum_j x_j (c_ij + sum_k x_k c_ijk)), so
/// that every monomial costs one multiplication; the gradient follows in the same walk.
#pragma once

#include <cstdint>

namespace mlip::ops {

/// value(node) = coefficient + sum over children of x[child.factor] * value(child)
struct Node {
  int factor;       ///< component of x that multiplies it; roots: -1
  int coefficient;  ///< row of the coefficients, or -1 for none
  int first, end;   ///< its children
};

constexpr int MOST_COMPONENTS = 25;  ///< of x
constexpr int MOST_ORDER = 4;

template <class T>
struct ContractionArguments {
  const Node *nodes;  ///< the first n_outputs are roots, one per component of the output
  int n_outputs, n_components, n_coefficients;
  int64_t channels;
  const int64_t *species;                                  ///< [n]
  const T *x, *x_tangent = nullptr;                        ///< [n, n_components, channels]
  const T *coefficients, *coefficients_tangent = nullptr;  ///< [n_species, n_coefficients, channels]
  const T *adjoint = nullptr, *adjoint_tangent = nullptr;  ///< [n, n_outputs, channels], backward only
  T *out = nullptr;                ///< [n, n_outputs, channels]; backward gives it too, if wanted
  T *grad_x = nullptr;             ///< [n, n_components, channels]; null: not wanted
  T *grad_coefficients = nullptr;  ///< [n_species, n_coefficients, channels], added to; null: not wanted
};

/// For the atoms begin .. end-1. With tangents: the derivative along them.
template <class T>
using ContractionKernel = void (*)(const ContractionArguments<T> &arguments, int64_t begin, int64_t end);

template <class T>
struct ContractionKernels {
  ContractionKernel<T> forward, backward, backward_derivative;
};

}  // namespace mlip::ops
