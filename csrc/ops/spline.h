// SPDX-License-Identifier: MIT
/// \file
/// Uniform B-splines of fifth degree, the form of all radial tables (de Boor, A Practical Guide to Splines, ch. 9).
///
/// On interval k, between knots k and k + 1, the value at k + t is the sum over m = 0..5 of piece m at t times row
/// k + m of the table; a table of n intervals has n + 5 rows. Beyond the last knot value and slope are zero, before the
/// first one the first polynomial goes on.
#pragma once

#include <cstdint>

#include "ops/shared.h"

namespace mlip::ops {

constexpr int SPLINE_PIECES = 6;

/// Where a distance lies among the knots.
template <class T>
struct SplinePlace {
  int64_t interval;  ///< also the first row of the table
  T t;               ///< from the knot before, in spacings; negative before the first knot
  bool beyond;       ///< the last knot
};

/// `first`: the first knot; `per_length`: knots per unit of distance. Whatever the distance, the place is in the table.
template <class T>
MLIP_SHARED SplinePlace<T> spline_place(T distance, T first, T per_length, int64_t n_intervals) {
  const T x = (distance - first) * per_length;
  const T last = static_cast<T>(n_intervals - 1);
  const int64_t k = x > 0 ? (x < last ? static_cast<int64_t>(x) : n_intervals - 1) : 0;  // 0 for what is no number
  const T t = x - static_cast<T>(k);
  return {k, t > 1 ? T(1) : t, t > 1};
}

/// Factors of the six rows for the value.
template <class T>
MLIP_SHARED void spline_values(const SplinePlace<T> &place, T *value) {
  const T t = place.t, u = 1 - t, t2 = t * t, u2 = u * u;
  const T scale = place.beyond ? T(0) : T(1) / T(120);
  value[0] = scale * (u2 * u2 * u);
  value[1] = scale * (26 + t * (-50 + t * (20 + t * (20 + t * (-20 + t * 5)))));
  value[2] = scale * (66 + t2 * (-60 + t2 * (30 - t * 10)));
  value[3] = scale * (66 + u2 * (-60 + u2 * (30 - u * 10)));
  value[4] = scale * (26 + u * (-50 + u * (20 + u * (20 + u * (-20 + u * 5)))));
  value[5] = scale * (t2 * t2 * t);
}

/// Factors of the six rows for the derivative by the distance.
template <class T>
MLIP_SHARED void spline_slopes(const SplinePlace<T> &place, T per_length, T *slope) {
  const T t = place.t, u = 1 - t, t2 = t * t, u2 = u * u;
  const T scale = place.beyond ? T(0) : per_length / T(24);
  slope[0] = -scale * (u2 * u2);
  slope[1] = scale * (-10 + t * (8 + t * (12 + t * (-16 + t * 5))));
  slope[2] = scale * (t * (-24 + t2 * (24 - t * 10)));
  slope[3] = -scale * (u * (-24 + u2 * (24 - u * 10)));
  slope[4] = -scale * (-10 + u * (8 + u * (12 + u * (-16 + u * 5))));
  slope[5] = scale * (t2 * t2);
}

}  // namespace mlip::ops
