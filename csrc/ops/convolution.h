// SPDX-License-Identifier: MIT
/// \file
/// The convolution: for every centre, radial weight x coupled harmonics x neighbour feature, summed over its edges.
///
///   out[i, row(p, m3), c] = sum_e w[e, p, c] sum_m1 G[e, p, m3, m1] h[j(e), m1, c],   G = sum_m2 C[p] Y[e, m2]
///
/// with paths p = (l1, l2, l3). The sum T = out . adj is linear in w, Y, h and adj; all first and second derivatives
/// are partial sums of it. `forward` leaves out adj, `backward` leaves out w, Y and h in turn. With tangents given,
/// both compute the derivative of the same along them.
#pragma once

#include <cstdint>

namespace mlip::ops {

/// A path of the tensor product and where its parts lie.
struct Path {
  int l1, l2, l3;
  int row, row_step;           ///< output row of m3 = 0, and from one m3 to the next
  int block;                   ///< first of its (2 l3 + 1)(2 l1 + 1) coupled harmonics, m1 fastest
  int entry_begin, entry_end;  ///< of its non-zero coupling coefficients
};

/// coupled[at] += value * Y[harmonic]
struct Entry {
  int at, harmonic;
  double value;
};

/// Radial weights as uniform B-splines of fifth degree, see spline.h.
template <class T>
struct RadialTable {
  const T *rows = nullptr;         ///< [n_tables, n_intervals + 5, n_paths, channels]; null: weights are given per edge
  const T *distance = nullptr;     ///< [E]
  const int64_t *which = nullptr;  ///< [E] table of each edge, or null: the only one
  int64_t n_tables = 1, n_intervals = 0;
  T first = 0;       ///< distance of the first knot
  T per_length = 0;  ///< knots per angstrom
};

template <class T>
struct ConvolutionArguments {
  const Path *paths;
  int n_paths;
  const Entry *entries;
  int n_coupled;    ///< coupled harmonics per edge
  int n_harmonics;  ///< per edge
  int n_features;   ///< components of the neighbour's feature
  int n_rows;       ///< of the output
  int64_t channels;
  const int64_t *first_edge;  ///< [n_local + 1]
  const int64_t *neighbour;   ///< [E]
  // Values, and tangents for derivatives (null: zero).
  const T *weights, *weights_tangent = nullptr;      ///< [E, n_paths, channels], unless there is a table
  const T *harmonics, *harmonics_tangent = nullptr;  ///< [E, n_harmonics]
  const T *features, *features_tangent = nullptr;    ///< [n_all, n_features, channels]
  const T *adjoint = nullptr;                        ///< [n_local, n_rows, channels], backward only
  RadialTable<T> table;
  // Results; null: not wanted.
  T *out = nullptr;             ///< [n_local, n_rows, channels], forward only, overwritten
  T *grad_weights = nullptr;    ///< [E, n_paths, channels], overwritten
  T *grad_distance = nullptr;   ///< [E], with a table, overwritten
  T *grad_harmonics = nullptr;  ///< [E, n_harmonics], overwritten
  T *grad_features = nullptr;   ///< [n_all, n_features, channels], added to
};

/// Bytes of memory that a thread needs for centres with up to so many edges, whatever the instruction set.
template <class T>
int64_t convolution_scratch(const ConvolutionArguments<T> &arguments, int64_t most_edges) {
  const int64_t widest = 64 / static_cast<int64_t>(sizeof(T)), n_coupled = arguments.n_coupled;
  // of each edge its place, its order, and side by side the harmonics, plain and coupled, all of them possibly dual
  const int64_t places = most_edges * (32 + 12 * static_cast<int64_t>(sizeof(T)));
  const int64_t harmonics = 2 * (most_edges + widest) * (n_coupled + arguments.n_harmonics);
  // the coupling as a matrix, and gradients of the coupled harmonics of some edges
  const int64_t gradients = n_coupled * (arguments.n_harmonics + widest) + widest * (n_coupled + 2 * widest);
  return places + (harmonics + gradients) * static_cast<int64_t>(sizeof(T)) + 8 * 64;
}

/// For the centres begin .. end-1. With tangents: the derivative.
template <class T>
using ConvolutionKernel = void (*)(const ConvolutionArguments<T> &arguments, int64_t begin, int64_t end, void *scratch);

/// Kernels of one instruction set.
template <class T>
struct ConvolutionKernels {
  ConvolutionKernel<T> forward, backward, forward_derivative, backward_derivative;
};

}  // namespace mlip::ops
