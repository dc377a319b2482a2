// SPDX-License-Identifier: MIT
/// \file
/// Vectors of the instruction set that a kernel file is compiled for, and dual numbers over them.
///
/// Kernel files are compiled once per instruction set, each time in a namespace of its own (MLIP_ISA). They use no
/// templates of the standard library: the linker might keep the copy of the wrong instruction set. For a device (after
/// cuda/launch.h, which defines MLIP_DEVICE) a vector is one number and functions run on it.
#pragma once

#include <cstdint>

#ifndef MLIP_ISA
#error "compile kernels with -DMLIP_ISA=name -DMLIP_VECTOR_BYTES=n"
#endif

#ifdef MLIP_DEVICE
#define MLIP_INLINE static __device__ __forceinline__
#define MLIP_KERNEL __device__ inline
#else
#define MLIP_INLINE static inline __attribute__((always_inline))
#define MLIP_KERNEL inline
#endif
#ifdef __CUDACC__
#define MLIP_UNROLL _Pragma("unroll")
#else
#define MLIP_UNROLL _Pragma("GCC unroll 16")
#endif

namespace mlip::ops::MLIP_ISA {

#ifdef MLIP_DEVICE

template <class T>
using Vector = T;

template <class T>
constexpr int WIDTH = 1;

struct AllLanes {};
struct SomeLanes {
  int count;  // one: where there is no channel there is no thread
};

template <class T, class L>
MLIP_INLINE T load(const T *p, L) {
  return *p;
}

template <class T, class L>
MLIP_INLINE void store(T *p, T v, L) {
  *p = v;
}

template <class T>
MLIP_INLINE T sum(T v) {
  return v;
}

template <class T>
MLIP_INLINE T lane(T v, int) {
  return v;
}

template <class T>
MLIP_INLINE void set_lane(T &v, int, T x) {
  v = x;
}

#else

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(MLIP_VECTOR_BYTES)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(MLIP_VECTOR_BYTES)));
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
constexpr int WIDTH = MLIP_VECTOR_BYTES / static_cast<int>(sizeof(T));

/// How many lanes of a vector hold channels: all of them, or the first few of the last vector of a row.
struct AllLanes {};
struct SomeLanes {
  int count;
};

template <class T>
MLIP_INLINE Vector<T> load(const T *p, AllLanes) {
  Vector<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
MLIP_INLINE Vector<T> load(const T *p, SomeLanes lanes) {
  Vector<T> v = {};
  for (int k = 0; k < lanes.count; k++) v[k] = p[k];
  return v;
}

template <class T>
MLIP_INLINE void store(T *p, Vector<T> v, AllLanes) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <class T>
MLIP_INLINE void store(T *p, Vector<T> v, SomeLanes lanes) {
  for (int k = 0; k < lanes.count; k++) p[k] = v[k];
}

template <class T>
MLIP_INLINE T sum(Vector<T> v) {
  T total = 0;
  MLIP_UNROLL for (int k = 0; k < WIDTH<T>; k++) total += v[k];
  return total;
}

template <class T>
MLIP_INLINE T lane(const Vector<T> &v, int k) {
  return v[k];
}

template <class T>
MLIP_INLINE void set_lane(Vector<T> &v, int k, T x) {
  v[k] = x;
}

#endif

/// a + b eps with eps^2 = 0: what is computed with it carries its derivative along one direction.
template <class X>
struct Dual {
  X a, b;
};

template <class X>
MLIP_INLINE Dual<X> operator+(Dual<X> x, Dual<X> y) {
  return {x.a + y.a, x.b + y.b};
}
template <class X>
MLIP_INLINE Dual<X> operator-(Dual<X> x, Dual<X> y) {
  return {x.a - y.a, x.b - y.b};
}
template <class X>
MLIP_INLINE void operator+=(Dual<X> &x, Dual<X> y) {
  x.a += y.a;
  x.b += y.b;
}
/// The factors may be of different kinds: a scalar and a vector.
template <class X, class Y>
MLIP_INLINE auto operator*(Dual<X> x, Dual<Y> y) -> Dual<decltype(x.a * y.a)> {
  return {x.a * y.a, x.a * y.b + x.b * y.a};
}

/// Plain numbers. `Scalar` and `Lane` are what the kernels compute with; an array is read through `Array`.
template <class T>
struct Plain {
  using Number = T;
  using Scalar = T;
  using Lane = Vector<T>;
  struct Array {
    const T *value;
    const T *tangent;  // not read
  };
  template <class L>
  MLIP_INLINE Lane read(Array x, int64_t at, L lanes) {
    return load(x.value + at, lanes);
  }
  MLIP_INLINE Scalar number(Array x, int64_t at) { return x.value[at]; }
  MLIP_INLINE Scalar scaled(Scalar x, T factor) { return x * factor; }
  /// What is handed out.
  MLIP_INLINE Lane result(Lane x) { return x; }
#ifndef MLIP_DEVICE  // where both are the same type
  MLIP_INLINE T result(Scalar x) { return x; }
#endif
  MLIP_INLINE Scalar total(Lane x) { return sum<T>(x); }
  template <class L>
  MLIP_INLINE void add_to(T *p, Lane x, L lanes) {
    store(p, load(p, lanes) + x, lanes);
  }
};

/// Dual numbers: arrays have a value and a tangent; only derivatives are handed out.
template <class T>
struct Derivative {
  using Number = T;
  using Scalar = Dual<T>;
  using Lane = Dual<Vector<T>>;
  struct Array {
    const T *value;
    const T *tangent;  // null: zero
  };
  template <class L>
  MLIP_INLINE Lane read(Array x, int64_t at, L lanes) {
    return {load(x.value + at, lanes), x.tangent ? load(x.tangent + at, lanes) : Vector<T>{}};
  }
  MLIP_INLINE Scalar number(Array x, int64_t at) { return {x.value[at], x.tangent ? x.tangent[at] : T(0)}; }
  MLIP_INLINE Scalar scaled(Scalar x, T factor) { return {x.a * factor, x.b * factor}; }
  MLIP_INLINE Vector<T> result(Lane x) { return x.b; }
#ifndef MLIP_DEVICE
  MLIP_INLINE T result(Scalar x) { return x.b; }
#endif
  MLIP_INLINE Scalar total(Lane x) { return {sum<T>(x.a), sum<T>(x.b)}; }
  template <class L>
  MLIP_INLINE void add_to(T *p, Lane x, L lanes) {
    store(p, load(p, lanes) + x.b, lanes);
  }
};

#ifndef MLIP_DEVICE

/// Several lanes side by side.
template <class Lane, int N>
struct Bundle {
  Lane part[N];
};

template <class Lane, int N>
MLIP_INLINE void operator+=(Bundle<Lane, N> &x, const Bundle<Lane, N> &y) {
  MLIP_UNROLL for (int n = 0; n < N; n++) x.part[n] += y.part[n];
}
template <class Lane, int N>
MLIP_INLINE Bundle<Lane, N> operator*(const Bundle<Lane, N> &x, const Bundle<Lane, N> &y) {
  Bundle<Lane, N> product;
  MLIP_UNROLL for (int n = 0; n < N; n++) product.part[n] = x.part[n] * y.part[n];
  return product;
}
template <class V, class T, int N>
MLIP_INLINE void store(T *p, const Bundle<V, N> &v, AllLanes lanes) {
  MLIP_UNROLL for (int n = 0; n < N; n++) store(p + n * WIDTH<T>, v.part[n], lanes);
}

/// N neighbouring vectors at a time.
template <class Kind, int N>
struct Several {
  using Number = typename Kind::Number;
  using Array = typename Kind::Array;
  using Lane = Bundle<typename Kind::Lane, N>;
  MLIP_INLINE Lane read(Array x, int64_t at, AllLanes lanes) {
    Lane found;
    MLIP_UNROLL for (int n = 0; n < N; n++) found.part[n] = Kind::read(x, at + n * WIDTH<Number>, lanes);
    return found;
  }
  MLIP_INLINE Bundle<Vector<Number>, N> result(const Lane &x) {
    Bundle<Vector<Number>, N> found;
    MLIP_UNROLL for (int n = 0; n < N; n++) found.part[n] = Kind::result(x.part[n]);
    return found;
  }
  MLIP_INLINE void add_to(Number *p, const Lane &x, AllLanes lanes) {
    MLIP_UNROLL for (int n = 0; n < N; n++) Kind::add_to(p + n * WIDTH<Number>, x.part[n], lanes);
  }
};

#endif

}  // namespace mlip::ops::MLIP_ISA
