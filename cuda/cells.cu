// SPDX-License-Identifier: MIT
// The cell list of csrc/neighbours/cell_grid.cpp on a device: a warp per centre walks through the same bins in the same
// order (cell_view.h), so the pairs come in the same order. Counting first, then filling: there is no maximum to
// exceed.
#include "launch.h"
#include "pairs.h"
#include "warp.h"

namespace mlip::cuda {
namespace {

constexpr int THREADS = 128;

/// Where pairs go; with `counts` they are counted only.
struct PairArrays {
  const int64_t *first;
  int32_t *neighbour, *shifts;
  int64_t *counts;
};

__device__ __forceinline__ int64_t visit(const CellView &v, int64_t centre, const CellRange &range,
                                         const PairArrays &out, int64_t next) {
  const CellSight from = sight(v, v.place[centre], range);
  for (int64_t tile = range.begin; tile < range.end; tile += WARP) {
    const int64_t p = tile + lane_of_thread();
    int64_t shift[3];
    const bool seen = p < range.end && is_seen(v, from, centre, p, shift);
    const unsigned mask = __ballot_sync(ALL_LANES, seen);
    const int64_t at = next + __popc(mask & ((1u << lane_of_thread()) - 1u));
    if (seen && out.counts == nullptr) {
      out.neighbour[at] = static_cast<int32_t>(v.index[p]);
      for (int k = 0; k < 3; k++) out.shifts[3 * at + k] = static_cast<int32_t>(shift[k]);
    }
    next += __popc(mask);
  }
  return next;
}

__global__ void __launch_bounds__(THREADS) find(CellView v, PairArrays out) {
  const int64_t centre = (static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x) / WARP;
  if (centre >= v.n_atoms) return;  // a whole warp
  int64_t next = out.counts != nullptr ? 0 : out.first[centre];
  CellRange range{};
  for (int row = 0; row < v.n_rows; row++)
    for (int k = v.rows[row].low; next_range(v, v.bin + 3 * centre, v.rows[row], k, range);)
      next = visit(v, centre, range, out, next);
  if (out.counts != nullptr && lane_of_thread() == 0) out.counts[centre] = next;
}

void start(const CellView &v, const PairArrays &out, void *stream) {
  launch(find, dim3(blocks(v.n_atoms, THREADS / WARP)), dim3(THREADS), 0, stream, v, out);
}

void count_pairs(const CellView &v, int64_t *counts, void *stream) {
  start(v, {nullptr, nullptr, nullptr, counts}, stream);
}

void fill_pairs(const CellView &v, const int64_t *first, int32_t *neighbour, int32_t *shifts, void *stream) {
  start(v, {first, neighbour, shifts, nullptr}, stream);
}

}  // namespace

const PairKernels &pair_kernels() {
  static const PairKernels kernels{count_edges,       fill_edges<float>, fill_edges<double>, sum_edges<float>,
                                   sum_edges<double>, count_pairs,       fill_pairs};
  return kernels;
}

}  // namespace mlip::cuda
