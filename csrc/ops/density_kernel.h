// SPDX-License-Identifier: MIT
/// \file
/// Densities of neighbours with the harmonics in the lanes, compiled once per instruction set.
#pragma once

#include "ops/density.h"
#include "ops/harmonics.h"
#include "ops/simd.h"
#include "ops/spline.h"

namespace mlip::ops::MLIP_ISA {

/// Harmonics per edge, up to whole vectors.
template <class T>
constexpr int MOST_PADDED = (MOST_HARMONICS + WIDTH<T> - 1) / WIDTH<T> * WIDTH<T>;

template <class T>
MLIP_INLINE int padded_harmonics(const DensityArguments<T> &a) {
  return (a.n_harmonics + WIDTH<T> - 1) / WIDTH<T> * WIDTH<T>;
}

/// Radial functions of one edge, and their slopes where wanted.
template <class T>
struct RadialFunctions {
  T value[MOST_RADIAL], slope[MOST_RADIAL];

  template <class L>
  MLIP_INLINE void part(RadialFunctions &f, const T *rows, const T *weight, const T *slope, int n, int q, L lanes) {
    Vector<T> v = {}, s = {};
    MLIP_UNROLL for (int k = 0; k < SPLINE_PIECES; k++) {
      const Vector<T> row = load(rows + k * n + q, lanes);
      v += weight[k] * row;
      if (slope) s += slope[k] * row;
    }
    store(f.value + q, v, lanes);
    if (slope) store(f.slope + q, s, lanes);
  }

  MLIP_INLINE void at(RadialFunctions &f, const DensityArguments<T> &a, int64_t edge, bool with_slope) {
    T weight[SPLINE_PIECES], slope[SPLINE_PIECES];
    const auto place = spline_place(a.distance[edge], a.first, a.per_length, a.n_intervals);
    spline_values(place, weight);
    if (with_slope) spline_slopes(place, a.per_length, slope);
    const T *rows = a.table + a.n_radial * place.interval;
    int q = 0;
    for (; q + WIDTH<T> <= a.n_radial; q += WIDTH<T>)
      part(f, rows, weight, with_slope ? slope : nullptr, a.n_radial, q, AllLanes{});
    if (q < a.n_radial) part(f, rows, weight, with_slope ? slope : nullptr, a.n_radial, q, SomeLanes{a.n_radial - q});
  }
};

template <class T>
MLIP_INLINE void padded(const T *y, int n, T *out) {
  for (int m = 0; m < MOST_PADDED<T>; m++) out[m] = m < n ? y[m] : 0;
}

template <class T>
void density_forward(const DensityArguments<T> &a, int64_t begin, int64_t end, T *scratch) {
  const int padded_m = padded_harmonics(a), columns = a.n_species * a.n_radial;
  for (int64_t i = begin; i < end; i++) {
    for (int k = 0; k < columns * padded_m; k++) scratch[k] = 0;
    for (int64_t e = a.first_edge[i]; e < a.first_edge[i + 1]; e++) {
      RadialFunctions<T> f;
      RadialFunctions<T>::at(f, a, e, false);
      T y[MOST_PADDED<T>];
      padded(a.harmonics + e * a.n_harmonics, a.n_harmonics, y);
      T *sums = scratch + a.species[a.neighbour[e]] * a.n_radial * padded_m;
      for (int m = 0; m < padded_m; m += WIDTH<T>) {
        const Vector<T> harmonic = load(y + m, AllLanes{});
        for (int q = 0; q < a.n_radial; q++) {
          T *to = sums + q * padded_m + m;
          store(to, load(to, AllLanes{}) + f.value[q] * harmonic, AllLanes{});
        }
      }
    }
    T *out = a.out + i * a.n_harmonics * columns;
    for (int m = 0; m < a.n_harmonics; m++)
      for (int k = 0; k < columns; k++) out[m * columns + k] = scratch[k * padded_m + m];
  }
}

template <class T>
void density_backward(const DensityArguments<T> &a, int64_t begin, int64_t end, T *scratch) {
  const int padded_m = padded_harmonics(a), columns = a.n_species * a.n_radial;
  for (int64_t i = begin; i < end; i++) {
    const T *adjoint = a.adjoint + i * a.n_harmonics * columns;
    for (int m = 0; m < padded_m; m++)
      for (int k = 0; k < columns; k++) scratch[k * padded_m + m] = m < a.n_harmonics ? adjoint[m * columns + k] : 0;
    for (int64_t e = a.first_edge[i]; e < a.first_edge[i + 1]; e++) {
      RadialFunctions<T> f;
      RadialFunctions<T>::at(f, a, e, true);
      T y[MOST_PADDED<T>];
      padded(a.harmonics + e * a.n_harmonics, a.n_harmonics, y);
      const T *from = scratch + a.species[a.neighbour[e]] * a.n_radial * padded_m;
      Vector<T> slope = {};
      for (int m = 0; m < padded_m; m += WIDTH<T>) {
        Vector<T> by_value = {}, by_slope = {};
        for (int q = 0; q < a.n_radial; q++) {
          const Vector<T> b = load(from + q * padded_m + m, AllLanes{});
          by_value += f.value[q] * b;
          by_slope += f.slope[q] * b;
        }
        slope += by_slope * load(y + m, AllLanes{});
        T *to = a.grad_harmonics + e * a.n_harmonics + m;
        if (m + WIDTH<T> <= a.n_harmonics)
          store(to, by_value, AllLanes{});
        else
          store(to, by_value, SomeLanes{a.n_harmonics - m});
      }
      a.grad_distance[e] = sum<T>(slope);
    }
  }
}

}  // namespace mlip::ops::MLIP_ISA
