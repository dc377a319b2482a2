// SPDX-License-Identifier: MIT
/// \file
/// Sums over the lanes of several vectors at once: adding halves of two vectors makes one, so that as many sums as a
/// vector has lanes take one shuffle or two per sum instead of one per halving.
#pragma once

#include "ops/simd.h"

namespace mlip::ops::MLIP_ISA {

/// Which element of two joined vectors goes to place k of the first (second) summand. Vectors come in parts of 16
/// bytes, within which shuffles are cheapest, so lanes are added there first.
template <class T>
constexpr int summand(int stage, int k, int second) {
  constexpr int part = 16 / static_cast<int>(sizeof(T)), parts = WIDTH<T> / part;
  const int i = k % part, first = k - i;
  if (part == 4 && stage == 0) return i % 2 * WIDTH<T> + first + i / 2 + 2 * second;
  if (part == 4 && stage == 1) return i / 2 * WIDTH<T> + first + i % 2 + 2 * second;
  if (part == 2 && stage == 0) return i * WIDTH<T> + first + second;
  const int at = k / part;  // parts: pairs of neighbours are added
  return at * 2 / parts * WIDTH<T> + (at * 2 % parts + second) * part + i;
}

template <int... K>
struct Places {};
template <int N, int... K>
struct PlacesUpTo : PlacesUpTo<N - 1, N - 1, K...> {};
template <int... K>
struct PlacesUpTo<0, K...> {
  using type = Places<K...>;
};

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define MLIP_SHUFFLEVECTOR
#endif
#endif

template <class T, int STAGE, int... K>
MLIP_INLINE Vector<T> added(Vector<T> x, Vector<T> y, Places<K...>) {
#ifdef MLIP_SHUFFLEVECTOR
  return __builtin_shufflevector(x, y, summand<T>(STAGE, K, 0)...) +
         __builtin_shufflevector(x, y, summand<T>(STAGE, K, 1)...);
#else  // GCC before version 12
  using Mask = decltype(x < y);
  return __builtin_shuffle(x, y, Mask{summand<T>(STAGE, K, 0)...}) +
         __builtin_shuffle(x, y, Mask{summand<T>(STAGE, K, 1)...});
#endif
}

/// The sum over the lanes of each v[k] as lane k of the result, for up to as many vectors as there are lanes.
template <class T, int N, int STAGE = 0>
MLIP_INLINE Vector<T> totals(const Vector<T> *v) {
  if constexpr ((1 << STAGE) == WIDTH<T>) {
    return v[0];
  } else {
    constexpr int HALF = (N + 1) / 2;
    Vector<T> pairs[HALF];
    MLIP_UNROLL for (int k = 0; k < HALF; k++) pairs[k] =
        added<T, STAGE>(v[2 * k], 2 * k + 1 < N ? v[2 * k + 1] : Vector<T>{}, typename PlacesUpTo<WIDTH<T>>::type{});
    return totals<T, HALF, STAGE + 1>(pairs);
  }
}

/// Writes N sums, and zeros up to the next multiple of the lanes.
template <class T, int N>
MLIP_INLINE void store_totals(const Vector<T> *v, T *to) {
  constexpr int W = WIDTH<T>;
  if constexpr (N > W) {
    store(to, totals<T, W>(v), AllLanes{});
    store_totals<T, N - W>(v + W, to + W);
  } else {
    store(to, totals<T, N>(v), AllLanes{});
  }
}

}  // namespace mlip::ops::MLIP_ISA
