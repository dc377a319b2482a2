// SPDX-License-Identifier: MIT
/// \file
/// Sums over the lanes of a warp, always in the same order.
#pragma once

#include "launch.h"

namespace mlip::cuda {

__device__ __forceinline__ int lane_of_thread() {
  return static_cast<int>(threadIdx.x) % WARP;
}

/// Sums values[k] over all lanes for P values at once, P a power of two up to 32: lane l returns the sum of value
/// l % P. Half of the values change hands at each step, so that P sums cost P + 4 shuffles, not 5 P.
template <int P, class T>
__device__ __forceinline__ T transposed_sums(T (&values)[P]) {
  static_assert(P >= 1 && P <= WARP && (P & (P - 1)) == 0);
  const int lane = lane_of_thread();
#pragma unroll
  for (int half = P / 2; half >= 1; half /= 2) {
    const bool upper = lane & half;
#pragma unroll
    for (int k = 0; k < half; k++) {
      const T mine = upper ? values[k + half] : values[k], other = upper ? values[k] : values[k + half];
      values[k] = mine + __shfl_xor_sync(ALL_LANES, other, half);
    }
  }
#pragma unroll
  for (int bit = P; bit < WARP; bit *= 2) values[0] += __shfl_xor_sync(ALL_LANES, values[0], bit);
  return values[0];
}

__host__ __device__ constexpr int power_of_two(int n) {
  int p = 1;
  while (p < n) p *= 2;
  return p;
}

/// Hands the sum over all lanes of each of N values to `take(k, sum)`, each on one lane.
template <int N, int FIRST = 0, class T, class Take>
__device__ __forceinline__ void warp_sums(const T (&values)[N], const Take &take) {
  constexpr int COUNT = N - FIRST < WARP ? N - FIRST : WARP, P = power_of_two(COUNT);
  T part[P];
#pragma unroll
  for (int k = 0; k < P; k++) part[k] = k < COUNT ? values[FIRST + k] : T(0);
  const T sum = transposed_sums<P>(part);
  if (lane_of_thread() < COUNT) take(FIRST + lane_of_thread(), sum);
  if constexpr (FIRST + COUNT < N) warp_sums<N, FIRST + COUNT>(values, take);
}

}  // namespace mlip::cuda
