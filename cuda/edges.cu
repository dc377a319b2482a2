// SPDX-License-Identifier: MIT
// What csrc/core/edges.cpp and reduce.cpp do, on a device: pairs shorter than the cutoff, in the order of the list, and
// sums over edges in float64. A warp per centre or atom; every sum has one order, so the same input gives the same
// bits.
#include "launch.h"
#include "pairs.h"
#include "warp.h"

#include "core/edge_terms.h"

namespace mlip::cuda {
namespace {

constexpr int THREADS = 128;

__device__ __forceinline__ int64_t warp_index() {
  return (static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x) / WARP;
}

/// Squared length of a pair; r is its vector.
__device__ __forceinline__ double pair_vector(const Pairs &pairs, int64_t i, int64_t p, double *r) {
  const int32_t *shift = pairs.shifts == nullptr ? nullptr : pairs.shifts + 3 * p;
  edge_vector(pairs.positions + 3 * i, pairs.positions + 3 * static_cast<int64_t>(pairs.neighbour[p]), shift,
              pairs.cell, r);
  return squared_length(r);
}

__global__ void __launch_bounds__(THREADS) count(Pairs pairs, int64_t *counts, int64_t *fault) {
  const int64_t i = warp_index();
  if (i >= pairs.n_local) return;  // a whole warp
  const int64_t end = pairs.first[i + 1];
  int64_t kept = 0;
  double r[3];
  for (int64_t tile = pairs.first[i]; tile < end; tile += WARP) {
    const int64_t p = tile + lane_of_thread();
    bool inside = false;
    if (p < end) {
      const double square = pair_vector(pairs, i, p, r);
      inside = square < pairs.cutoff_squared;
      if (!has_direction(square)) *fault = 1;  // whoever writes, writes the same
    }
    kept += __popc(__ballot_sync(ALL_LANES, inside));
  }
  if (lane_of_thread() == 0) counts[i] = kept;
}

template <class T>
__global__ void __launch_bounds__(THREADS) fill(Pairs pairs, EdgeArrays<T> edges) {
  const int64_t i = warp_index();
  if (i >= pairs.n_local) return;
  const int64_t end = pairs.first[i + 1];
  int64_t next = edges.first_edge[i];
  double r[3];
  for (int64_t tile = pairs.first[i]; tile < end; tile += WARP) {
    const int64_t p = tile + lane_of_thread();
    const bool inside = p < end && pair_vector(pairs, i, p, r) < pairs.cutoff_squared;
    const unsigned kept = __ballot_sync(ALL_LANES, inside);
    const int64_t e = next + __popc(kept & ((1u << lane_of_thread()) - 1u));
    if (p < end) edges.edge_of_pair[p] = inside ? static_cast<int32_t>(e) : -1;
    if (inside) {
      edges.centre[e] = i;
      edges.neighbour[e] = pairs.neighbour[p];
      for (int a = 0; a < 3; a++) edges.r_ij[3 * e + a] = static_cast<T>(r[a]);
    }
    next += __popc(kept);
  }
}

/// Adds sign * gradient to total[0..2] and the virial to total[3..8].
template <class T>
__device__ __forceinline__ void add(const EdgeSums<T> &s, int64_t e, double sign, double *total) {
  const T *g = s.gradients + 3 * e;
  double w[6];
  edge_virial(s.r_ij + 3 * e, g, w);
  for (int a = 0; a < 3; a++) total[a] += sign * static_cast<double>(g[a]);
  for (int k = 0; k < 6; k++) total[3 + k] += w[k];
}

template <class T>
__global__ void __launch_bounds__(THREADS) sum(EdgeSums<T> s) {
  const int64_t atom = warp_index();
  if (atom >= s.n_all) return;
  double own[9] = {}, incoming[9] = {};
  if (atom < s.n_local)
    for (int64_t e = s.first_edge[atom] + lane_of_thread(); e < s.first_edge[atom + 1]; e += WARP) add(s, e, 1.0, own);
  for (int64_t k = s.first_incoming[atom] + lane_of_thread(); k < s.first_incoming[atom + 1]; k += WARP) {
    const int64_t e = s.edge_of_pair[s.incoming[k]];
    if (e >= 0) add(s, e, -1.0, incoming);
  }
  double out[15];  // forces, virial of the centre's edges, virial of the atom
  for (int a = 0; a < 3; a++) out[a] = own[a] + incoming[a];
  for (int k = 0; k < 6; k++) {
    out[3 + k] = own[3 + k];
    out[9 + k] = 0.5 * (own[3 + k] + incoming[3 + k]);
  }
  warp_sums(out, [&](int k, double value) {
    if (k < 3)
      s.forces[3 * atom + k] = value;
    else if (k < 9 && atom < s.n_local)
      s.centre_virials[6 * atom + k - 3] = value;
    else if (k >= 9 && s.virials != nullptr)
      s.virials[6 * atom + k - 9] = value;
  });
}

/// A kernel of its own: few steps want centroid virials.
template <class T>
__global__ void __launch_bounds__(THREADS) sum_centroids(EdgeSums<T> s) {
  const int64_t atom = warp_index();
  if (atom >= s.n_all) return;
  double total[9] = {}, centre[9], neighbour[9];
  const auto edge = [&](int64_t e, const double *part) {
    edge_centroid_virials(s.r_ij + 3 * e, s.gradients + 3 * e, s.moments == nullptr ? nullptr : s.moments + 9 * e,
                          centre, neighbour);
    for (int k = 0; k < 9; k++) total[k] += part[k];
  };
  if (atom < s.n_local)
    for (int64_t e = s.first_edge[atom] + lane_of_thread(); e < s.first_edge[atom + 1]; e += WARP) edge(e, centre);
  for (int64_t k = s.first_incoming[atom] + lane_of_thread(); k < s.first_incoming[atom + 1]; k += WARP) {
    const int64_t e = s.edge_of_pair[s.incoming[k]];
    if (e >= 0) edge(e, neighbour);
  }
  warp_sums(total, [&](int k, double value) { s.centroid_virials[9 * atom + k] = value; });
}

constexpr int WARPS = THREADS / WARP;

}  // namespace

void count_edges(const Pairs &pairs, int64_t *counts, int64_t *fault, void *stream) {
  launch(count, dim3(blocks(pairs.n_local, WARPS)), dim3(THREADS), 0, stream, pairs, counts, fault);
}

template <class T>
void fill_edges(const Pairs &pairs, const EdgeArrays<T> &edges, void *stream) {
  launch(fill<T>, dim3(blocks(pairs.n_local, WARPS)), dim3(THREADS), 0, stream, pairs, edges);
}

template <class T>
void sum_edges(const EdgeSums<T> &sums, void *stream) {
  const dim3 grid(blocks(sums.n_all, WARPS));
  launch(sum<T>, grid, dim3(THREADS), 0, stream, sums);
  if (sums.centroid_virials != nullptr) launch(sum_centroids<T>, grid, dim3(THREADS), 0, stream, sums);
}

template void fill_edges(const Pairs &, const EdgeArrays<float> &, void *);
template void fill_edges(const Pairs &, const EdgeArrays<double> &, void *);
template void sum_edges(const EdgeSums<float> &, void *);
template void sum_edges(const EdgeSums<double> &, void *);

}  // namespace mlip::cuda
