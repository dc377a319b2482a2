// SPDX-License-Identifier: MIT
// The edges of every neighbour: counted, laid out, and put in ascending order. Atomics on whole numbers alone, and the
// order that they leave to chance is mended at the end.
#include "edge_index.h"

#include "warp.h"

namespace mlip::cuda {
namespace {

constexpr int THREADS = 256;

__device__ __forceinline__ int64_t thread_index() {
  return static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
}

/// One thread per segment: a binary search.
__global__ void __launch_bounds__(THREADS)
    find_segments(const int64_t *keys, int64_t n, int64_t n_segments, int64_t *first) {
  const int64_t segment = thread_index();
  if (segment > n_segments) return;
  int64_t low = 0, high = n;  // keys before `low` are below the segment, those from `high` on are not
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (keys[middle] < segment)
      low = middle + 1;
    else
      high = middle;
  }
  first[segment] = low;
}

using Counter = unsigned long long;

__global__ void __launch_bounds__(THREADS) count(const int64_t *neighbour, int64_t n_edges, Counter *counts) {
  const int64_t e = thread_index();
  if (e < n_edges) atomicAdd(counts + neighbour[e], Counter(1));
}

/// `ends` [n_all] are running sums of the counts; they count down to where each atom's edges begin.
__global__ void __launch_bounds__(THREADS)
    lay_out(const int64_t *neighbour, int64_t n_edges, Counter *ends, int64_t *edges) {
  const int64_t e = thread_index();
  if (e < n_edges) edges[atomicAdd(ends + neighbour[e], ~Counter(0)) - 1] = e;
}

/// A warp per atom: every edge goes to the place that its rank among the atom's edges gives it.
__global__ void __launch_bounds__(THREADS)
    put_in_order(const int64_t *edges, const int64_t *first, int64_t n_all, int64_t *ordered) {
  const int64_t atom = thread_index() / WARP;
  if (atom >= n_all) return;
  const int64_t begin = first[atom], end = first[atom + 1];
  for (int64_t k = begin + lane_of_thread(); k < end; k += WARP) {
    const int64_t e = edges[k];
    int64_t rank = 0;
    for (int64_t other = begin; other < end; other++) rank += edges[other] < e;
    ordered[begin + rank] = e;
  }
}

Counter *counters(int64_t *x) {
  static_assert(sizeof(Counter) == sizeof(int64_t));
  return reinterpret_cast<Counter *>(x);
}

}  // namespace

void segment_starts(const int64_t *keys, int64_t n, int64_t n_segments, int64_t *first, void *stream) {
  launch(find_segments, dim3(blocks(n_segments + 1, THREADS)), dim3(THREADS), 0, stream, keys, n, n_segments, first);
}

void count_incoming(const int64_t *neighbour, int64_t n_edges, int64_t *counts, void *stream) {
  launch(count, dim3(blocks(n_edges, THREADS)), dim3(THREADS), 0, stream, neighbour, n_edges, counters(counts));
}

void list_incoming(const int64_t *neighbour, int64_t n_edges, int64_t n_all, const int64_t *first, int64_t *ends,
                   int64_t *unordered, int64_t *incoming, void *stream) {
  launch(lay_out, dim3(blocks(n_edges, THREADS)), dim3(THREADS), 0, stream, neighbour, n_edges, counters(ends),
         unordered);
  launch(put_in_order, dim3(blocks(n_all * WARP, THREADS)), dim3(THREADS), 0, stream, unordered, first, n_all,
         incoming);
}

}  // namespace mlip::cuda
