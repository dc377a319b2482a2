// SPDX-License-Identifier: MIT
/// \file
/// Densities of the neighbours of each species: what the convolution is before radial functions, features and linear
/// maps, where the features of a neighbour depend on nothing but its species.
///
///   D[i, m, s, q] = sum over edges e of i to neighbours of species s of phi[q](r_e) Y[e, m]
#pragma once

#include <cstdint>

namespace mlip::ops {

constexpr int MOST_RADIAL = 64;  ///< radial functions

template <class T>
struct DensityArguments {
  int n_harmonics, n_species, n_radial;
  const int64_t *first_edge;  ///< [n_local + 1]
  const int64_t *neighbour;   ///< [E]
  const int64_t *species;     ///< [n_all] below n_species
  const T *distance;          ///< [E]
  const T *harmonics;         ///< [E, n_harmonics]
  const T *table;             ///< [n_intervals + 5, n_radial] splines of fifth degree, see spline.h
  int64_t n_intervals;
  T first, per_length;          ///< distance of the first knot, knots per angstrom
  const T *adjoint = nullptr;   ///< [n_local, n_harmonics, n_species, n_radial], backward only
  T *out = nullptr;             ///< the same shape, forward only
  T *grad_distance = nullptr;   ///< [E], backward only
  T *grad_harmonics = nullptr;  ///< [E, n_harmonics], backward only
};

/// Numbers of scratch that a thread needs for centres with up to so many edges: one centre's density with its harmonics
/// padded to whole vectors, and per edge padded harmonics, radial functions and slopes.
template <class T>
int64_t density_scratch(const DensityArguments<T> &a, int64_t most_edges) {
  const int64_t padded = (a.n_harmonics + 15) / 16 * 16;
  return padded * a.n_species * a.n_radial + most_edges * (padded + 2 * a.n_radial);
}

/// For the centres begin .. end-1.
template <class T>
using DensityKernel = void (*)(const DensityArguments<T> &arguments, int64_t begin, int64_t end, T *scratch);

template <class T>
struct DensityKernels {
  DensityKernel<T> forward, backward;
};

}  // namespace mlip::ops
