// SPDX-License-Identifier: MIT
/// \file
/// Geometry of edges, one edge per lane, compiled once per instruction set and for devices (one edge per thread).
#pragma once

#include "ops/geometry.h"
#include "ops/harmonics.h"
#include "ops/simd.h"

namespace mlip::ops::MLIP_ISA {

template <class T>
MLIP_INLINE Vector<T> broadcast(T x) {
  return x - Vector<T>{};
}

MLIP_INLINE float root_of(float x) {
  return __builtin_sqrtf(x);
}
MLIP_INLINE double root_of(double x) {
  return __builtin_sqrt(x);
}

template <class T>
MLIP_INLINE Vector<T> square_root(Vector<T> x) {
  MLIP_UNROLL for (int k = 0; k < WIDTH<T>; k++) set_lane<T>(x, k, root_of(lane<T>(x, k)));
  return x;
}

/// What the geometry needs of a kind of number besides + - *.
template <class Kind>
struct LaneOf;

template <class T>
struct LaneOf<Plain<T>> {
  using Lane = Vector<T>;
  MLIP_INLINE Lane number(double x) { return broadcast(static_cast<T>(x)); }
  MLIP_INLINE Lane root(Lane x) { return square_root<T>(x); }
  MLIP_INLINE Lane inverse(Lane x) { return T(1) / x; }
  MLIP_INLINE Lane join(Vector<T> value, Vector<T>) { return value; }
};

template <class T>
struct LaneOf<Derivative<T>> {
  using Lane = Dual<Vector<T>>;
  MLIP_INLINE Lane number(double x) { return {broadcast(static_cast<T>(x)), Vector<T>{}}; }
  MLIP_INLINE Lane root(Lane x) {
    const Vector<T> s = square_root<T>(x.a);
    return {s, T(0.5) * x.b / s};
  }
  MLIP_INLINE Lane inverse(Lane x) {
    const Vector<T> inverse = T(1) / x.a;
    return {inverse, -x.b * inverse * inverse};
  }
  MLIP_INLINE Lane join(Vector<T> value, Vector<T> tangent) { return {value, tangent}; }
};

/// Every `stride`-th number of the first `count` edges; `rest` in lanes without an edge.
template <class T>
MLIP_INLINE Vector<T> gather(const T *p, int stride, int count, T rest) {
  Vector<T> v = broadcast(rest);
  if (p == nullptr) return v;
  if (count == WIDTH<T>)
    MLIP_UNROLL for (int k = 0; k < WIDTH<T>; k++) set_lane<T>(v, k, p[k * stride]);
  else
    for (int k = 0; k < count; k++) set_lane<T>(v, k, p[k * stride]);
  return v;
}

template <class T>
MLIP_INLINE void scatter(T *p, int stride, int count, Vector<T> v) {
  if (count == WIDTH<T>)
    MLIP_UNROLL for (int k = 0; k < WIDTH<T>; k++) p[k * stride] = lane<T>(v, k);
  else
    for (int k = 0; k < count; k++) p[k * stride] = lane<T>(v, k);
}

/// Unit vectors, lengths and their inverses of up to WIDTH edges.
template <class Kind>
struct Directions {
  using T = typename Kind::Number;
  using Lane = typename Kind::Lane;
  Lane length, inverse, unit[3];
  MLIP_INLINE Directions of(const GeometryArguments<T> &a, int64_t edge, int count) {
    using Of = LaneOf<Kind>;
    Lane r[3];
    for (int d = 0; d < 3; d++)
      r[d] = Of::join(gather<T>(a.r + 3 * edge + d, 3, count, 1),
                      gather<T>(a.r_tangent ? a.r_tangent + 3 * edge + d : nullptr, 3, count, 0));
    Directions found;
    found.length = Of::root(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]);
    found.inverse = Of::inverse(found.length);
    for (int d = 0; d < 3; d++) found.unit[d] = r[d] * found.inverse;
    return found;
  }
};

template <class Kind>
MLIP_KERNEL void geometry_forward(const GeometryArguments<typename Kind::Number> &a, int64_t begin, int64_t end) {
  using T = typename Kind::Number;
  const int n = (a.l_max + 1) * (a.l_max + 1);
  for (int64_t e = begin; e < end; e += WIDTH<T>) {
    const int count = end - e < WIDTH<T> ? static_cast<int>(end - e) : WIDTH<T>;
    const auto to = Directions<Kind>::of(a, e, count);
    typename Kind::Lane y[MOST_HARMONICS];
    harmonics(a.l_max, LaneOf<Kind>::number, to.unit[0], to.unit[1], to.unit[2], y);
    scatter<T>(a.distance + e, 1, count, Kind::result(to.length));
    for (int m = 0; m < n; m++) scatter<T>(a.harmonics + e * n + m, n, count, Kind::result(y[m]));
  }
}

template <class Kind>
MLIP_KERNEL void geometry_backward(const GeometryArguments<typename Kind::Number> &a, int64_t begin, int64_t end) {
  using T = typename Kind::Number;
  using Of = LaneOf<Kind>;
  using Lane = typename Kind::Lane;
  const int n = (a.l_max + 1) * (a.l_max + 1);
  for (int64_t e = begin; e < end; e += WIDTH<T>) {
    const int count = end - e < WIDTH<T> ? static_cast<int>(end - e) : WIDTH<T>;
    const auto to = Directions<Kind>::of(a, e, count);
    const Vector<T> none = {};
    Lane adjoint[MOST_HARMONICS], g[3];
    for (int m = 0; m < n; m++) adjoint[m] = Of::join(gather<T>(a.adjoint_harmonics + e * n + m, n, count, 0), none);
    harmonics_gradient(a.l_max, Of::number, to.unit[0], to.unit[1], to.unit[2], adjoint, g);
    const Lane radial = g[0] * to.unit[0] + g[1] * to.unit[1] + g[2] * to.unit[2];
    const Lane along = Of::join(gather<T>(a.adjoint_distance + e, 1, count, 0), none);
    for (int d = 0; d < 3; d++)
      scatter<T>(a.grad_r + 3 * e + d, 3, count,
                 Kind::result(along * to.unit[d] + (g[d] - radial * to.unit[d]) * to.inverse));
  }
}

}  // namespace mlip::ops::MLIP_ISA
