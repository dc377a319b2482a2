// SPDX-License-Identifier: MIT
/// \file
/// Densities of neighbours with the harmonics in the lanes, compiled once per instruction set.
///
/// The edges of a centre are taken species by species, so that sums stay in registers.
#pragma once

#include "ops/density.h"
#include "ops/simd.h"
#include "ops/spline.h"

namespace mlip::ops::MLIP_ISA {

/// Radial functions of one edge, q and the lanes after it, and their slopes where wanted.
template <class T, class L>
MLIP_INLINE void radial_part(const DensityArguments<T> &a, const T *rows, const T *weight, const T *slope, int q,
                             T *values, T *slopes, L lanes) {
  Vector<T> v = {}, s = {};
  MLIP_UNROLL for (int k = 0; k < SPLINE_PIECES; k++) {
    const Vector<T> row = load(rows + k * a.n_radial + q, lanes);
    v += weight[k] * row;
    if (slopes) s += slope[k] * row;
  }
  store(values + q, v, lanes);
  if (slopes) store(slopes + q, s, lanes);
}

template <class T>
MLIP_INLINE void radial_functions(const DensityArguments<T> &a, int64_t edge, T *values, T *slopes) {
  T weight[SPLINE_PIECES], slope[SPLINE_PIECES] = {};
  const auto place = spline_place(a.distance[edge], a.first, a.per_length, a.n_intervals);
  spline_values(place, weight);
  if (slopes) spline_slopes(place, a.per_length, slope);
  const T *rows = a.table + a.n_radial * place.interval;
  int q = 0;
  for (; q + WIDTH<T> <= a.n_radial; q += WIDTH<T>) radial_part(a, rows, weight, slope, q, values, slopes, AllLanes{});
  if (q < a.n_radial) radial_part(a, rows, weight, slope, q, values, slopes, SomeLanes{a.n_radial - q});
}

/// One centre's edges in order of their species, with what the loops need of each.
template <class T>
struct SortedEdges {
  int padded;  ///< harmonics per edge, whole vectors
  T *density, *harmonics, *values, *slopes;

  MLIP_INLINE SortedEdges in(const DensityArguments<T> &a, T *scratch, int64_t n_edges, bool with_slopes) {
    SortedEdges s;
    s.padded = (a.n_harmonics + WIDTH<T> - 1) / WIDTH<T> * WIDTH<T>;
    s.density = scratch;
    s.harmonics = s.density + s.padded * a.n_species * a.n_radial;
    s.values = s.harmonics + n_edges * s.padded;
    s.slopes = with_slopes ? s.values + n_edges * a.n_radial : nullptr;
    return s;
  }

  /// Fills in the edges of one species from place `at` on; hands back how many there are.
  MLIP_INLINE int64_t fill(const SortedEdges &s, const DensityArguments<T> &a, int64_t centre, int species) {
    int64_t n = 0;
    for (int64_t e = a.first_edge[centre]; e < a.first_edge[centre + 1]; e++) {
      if (a.species[a.neighbour[e]] != species) continue;
      T *y = s.harmonics + n * s.padded;
      const T *from = a.harmonics + e * a.n_harmonics;
      for (int m = 0; m < a.n_harmonics; m++) y[m] = from[m];
      for (int m = a.n_harmonics; m < s.padded; m++) y[m] = 0;
      radial_functions(a, e, s.values + n * a.n_radial, s.slopes ? s.slopes + n * a.n_radial : nullptr);
      n++;
    }
    return n;
  }
};

template <class T>
void density_forward(const DensityArguments<T> &a, int64_t begin, int64_t end, T *scratch) {
  constexpr int BLOCK = 8;  // radial functions at a time; their number is a multiple of it
  const int columns = a.n_species * a.n_radial;
  for (int64_t i = begin; i < end; i++) {
    const auto s = SortedEdges<T>::in(a, scratch, a.first_edge[i + 1] - a.first_edge[i], false);
    for (int species = 0; species < a.n_species; species++) {
      const int64_t n = SortedEdges<T>::fill(s, a, i, species);
      for (int q = 0; q < a.n_radial; q += BLOCK)
        for (int m = 0; m < s.padded; m += WIDTH<T>) {
          Vector<T> sums[BLOCK] = {};
          for (int64_t e = 0; e < n; e++) {
            const Vector<T> harmonic = load(s.harmonics + e * s.padded + m, AllLanes{});
            const T *value = s.values + e * a.n_radial + q;
            MLIP_UNROLL for (int k = 0; k < BLOCK; k++) sums[k] += value[k] * harmonic;
          }
          T *to = s.density + (species * a.n_radial + q) * s.padded + m;
          MLIP_UNROLL for (int k = 0; k < BLOCK; k++) store(to + k * s.padded, sums[k], AllLanes{});
        }
    }
    T *out = a.out + i * a.n_harmonics * columns;
    for (int m = 0; m < a.n_harmonics; m++)
      for (int k = 0; k < columns; k++) out[m * columns + k] = s.density[k * s.padded + m];
  }
}

/// Gradients of N edges of one species: harmonics m and the lanes after it, and what they add to the slopes.
template <class T, int N>
MLIP_INLINE void density_gradients(const DensityArguments<T> &a, const SortedEdges<T> &s, const T *adjoint, int64_t e,
                                   int m, Vector<T> *gradient, Vector<T> *along) {
  Vector<T> by_value[N] = {}, by_slope[N] = {};
  for (int q = 0; q < a.n_radial; q++) {
    const Vector<T> b = load(adjoint + q * s.padded + m, AllLanes{});
    MLIP_UNROLL for (int n = 0; n < N; n++) {
      by_value[n] += s.values[(e + n) * a.n_radial + q] * b;
      by_slope[n] += s.slopes[(e + n) * a.n_radial + q] * b;
    }
  }
  MLIP_UNROLL for (int n = 0; n < N; n++) {
    gradient[n] = by_value[n];
    along[n] += by_slope[n] * load(s.harmonics + (e + n) * s.padded + m, AllLanes{});
  }
}

/// The same for all harmonics, in place of the harmonics and of the first radial function of the edges.
template <class T, int N>
MLIP_INLINE void density_edges(const DensityArguments<T> &a, const SortedEdges<T> &s, const T *adjoint, int64_t e) {
  Vector<T> along[N] = {};
  for (int m = 0; m < s.padded; m += WIDTH<T>) {
    Vector<T> gradient[N];
    density_gradients<T, N>(a, s, adjoint, e, m, gradient, along);
    MLIP_UNROLL for (int n = 0; n < N; n++) store(s.harmonics + (e + n) * s.padded + m, gradient[n], AllLanes{});
  }
  MLIP_UNROLL for (int n = 0; n < N; n++) s.values[(e + n) * a.n_radial] = sum<T>(along[n]);
}

template <class T>
void density_backward(const DensityArguments<T> &a, int64_t begin, int64_t end, T *scratch) {
  constexpr int SOME = 4;  // edges at a time
  const int columns = a.n_species * a.n_radial;
  for (int64_t i = begin; i < end; i++) {
    const auto s = SortedEdges<T>::in(a, scratch, a.first_edge[i + 1] - a.first_edge[i], true);
    const T *from = a.adjoint + i * a.n_harmonics * columns;
    for (int k = 0; k < columns; k++) {
      for (int m = 0; m < a.n_harmonics; m++) s.density[k * s.padded + m] = from[m * columns + k];
      for (int m = a.n_harmonics; m < s.padded; m++) s.density[k * s.padded + m] = 0;
    }
    for (int species = 0; species < a.n_species; species++) {
      const int64_t n = SortedEdges<T>::fill(s, a, i, species);
      const T *adjoint = s.density + species * a.n_radial * s.padded;
      int64_t e = 0;
      for (; e + SOME <= n; e += SOME) density_edges<T, SOME>(a, s, adjoint, e);
      for (; e < n; e++) density_edges<T, 1>(a, s, adjoint, e);
      e = 0;
      for (int64_t edge = a.first_edge[i]; edge < a.first_edge[i + 1]; edge++) {
        if (a.species[a.neighbour[edge]] != species) continue;
        a.grad_distance[edge] = s.values[e * a.n_radial];
        T *to = a.grad_harmonics + edge * a.n_harmonics;
        for (int m = 0; m < a.n_harmonics; m++) to[m] = s.harmonics[e * s.padded + m];
        e++;
      }
    }
  }
}

}  // namespace mlip::ops::MLIP_ISA
