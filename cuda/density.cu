// SPDX-License-Identifier: MIT
// Densities of the neighbours of each species. Forward: a block per centre; radial functions and harmonics of 32 edges
// at a time lie in shared memory, each thread sums some pairs of harmonic and radial function, species by species.
// Backward: a warp per edge; eight lanes share a harmonic.
#include "kernels.h"
#include "launch.h"
#include "warp.h"

#include "ops/harmonics.h"
#include "ops/spline.h"

namespace mlip::cuda {
namespace {

using ops::DensityArguments;

constexpr int THREADS = 128;
constexpr int TILE = WARP;
constexpr int GROUP = 8;  // lanes of the backward pass that share a harmonic

template <class T>
struct DensityTile {
  T radial[TILE * ops::MOST_RADIAL], harmonics[TILE * ops::MOST_HARMONICS];
  int species[TILE];
};

/// Value and slope of one radial function.
template <class T>
__device__ __forceinline__ T radial_function(const DensityArguments<T> &a, const ops::SplinePlace<T> &place,
                                             const T *factors, int q) {
  const T *row = a.table + place.interval * a.n_radial + q;
  T sum = 0;
#pragma unroll
  for (int k = 0; k < ops::SPLINE_PIECES; k++) sum += factors[k] * row[k * a.n_radial];
  return sum;
}

template <class T>
__device__ __forceinline__ void fill(const DensityArguments<T> &a, int64_t first, int n, DensityTile<T> &tile) {
  for (int k = static_cast<int>(threadIdx.x); k < n * a.n_radial; k += THREADS) {
    T factors[ops::SPLINE_PIECES];
    const auto place = ops::spline_place(a.distance[first + k / a.n_radial], a.first, a.per_length, a.n_intervals);
    ops::spline_values(place, factors);
    tile.radial[k] = radial_function(a, place, factors, k % a.n_radial);
  }
  for (int k = static_cast<int>(threadIdx.x); k < n * a.n_harmonics; k += THREADS)
    tile.harmonics[k] = a.harmonics[first * a.n_harmonics + k];
  const int k = static_cast<int>(threadIdx.x);
  if (k < TILE) tile.species[k] = k < n ? static_cast<int>(a.species[a.neighbour[first + k]]) : -1;
}

/// Adds the edges of the tile that `mask` names to the density of their species.
template <class T>
__device__ __forceinline__ void add(const DensityArguments<T> &a, const DensityTile<T> &tile, unsigned mask, T *out) {
  const int columns = a.n_species * a.n_radial;
  for (int k = static_cast<int>(threadIdx.x); k < a.n_harmonics * a.n_radial; k += THREADS) {
    const int m = k / a.n_radial, q = k % a.n_radial;
    T sum = out[m * columns + q];
    for (unsigned left = mask; left != 0; left &= left - 1) {
      const int e = __ffs(static_cast<int>(left)) - 1;
      sum += tile.radial[e * a.n_radial + q] * tile.harmonics[e * a.n_harmonics + m];
    }
    out[m * columns + q] = sum;
  }
}

/// Grid: centres. Each thread reads and writes the same part of the density throughout.
template <class T>
__global__ void __launch_bounds__(THREADS) forward(DensityArguments<T> a) {
  SHARED(DensityTile<T>, shared);
  DensityTile<T> &tile = *shared;
  const int64_t centre = blockIdx.x, end = a.first_edge[centre + 1];
  T *out = a.out + centre * a.n_harmonics * a.n_species * a.n_radial;
  for (int k = static_cast<int>(threadIdx.x); k < a.n_harmonics * a.n_radial; k += THREADS)
    for (int s = 0; s < a.n_species; s++) out[(k / a.n_radial * a.n_species + s) * a.n_radial + k % a.n_radial] = 0;
  for (int64_t first = a.first_edge[centre]; first < end; first += TILE) {
    __syncthreads();
    fill(a, first, end - first < TILE ? static_cast<int>(end - first) : TILE, tile);
    __syncthreads();
    for (int s = 0; s < a.n_species; s++) {
      const unsigned mask = __ballot_sync(ALL_LANES, tile.species[lane_of_thread()] == s);
      if (mask != 0) add(a, tile, mask, out + s * a.n_radial);
    }
  }
}

template <class T>
struct EdgeFunctions {
  T value[ops::MOST_RADIAL], slope[ops::MOST_RADIAL];
};

/// Grid: edges, in warps.
template <class T>
__global__ void __launch_bounds__(THREADS) backward(DensityArguments<T> a, const int64_t *centre, int64_t n_edges) {
  SHARED(EdgeFunctions<T>, all);
  const int64_t e = static_cast<int64_t>(blockIdx.x) * (THREADS / WARP) + threadIdx.x / WARP;
  if (e >= n_edges) return;  // a whole warp
  EdgeFunctions<T> &f = all[threadIdx.x / WARP];
  const int lane = lane_of_thread();
  T values[ops::SPLINE_PIECES], slopes[ops::SPLINE_PIECES];
  const auto place = ops::spline_place(a.distance[e], a.first, a.per_length, a.n_intervals);
  ops::spline_values(place, values);
  ops::spline_slopes(place, a.per_length, slopes);
  for (int q = lane; q < a.n_radial; q += WARP) {
    f.value[q] = radial_function(a, place, values, q);
    f.slope[q] = radial_function(a, place, slopes, q);
  }
  __syncwarp();
  const int columns = a.n_species * a.n_radial;
  const T *adjoint =
      a.adjoint + centre[e] * a.n_harmonics * columns + a.species[a.neighbour[e]] * static_cast<int64_t>(a.n_radial);
  T by_distance = 0;
  for (int first = 0; first < a.n_harmonics; first += WARP / GROUP) {
    const int m = first + lane / GROUP;
    T by_value = 0, by_slope = 0;
    for (int q = lane % GROUP; m < a.n_harmonics && q < a.n_radial; q += GROUP) {
      const T b = adjoint[m * columns + q];
      by_value += f.value[q] * b;
      by_slope += f.slope[q] * b;
    }
    if (m < a.n_harmonics) by_distance += by_slope * a.harmonics[e * a.n_harmonics + m];
#pragma unroll
    for (int bit = 1; bit < GROUP; bit *= 2) by_value += __shfl_xor_sync(ALL_LANES, by_value, bit);
    if (m < a.n_harmonics && lane % GROUP == 0) a.grad_harmonics[e * a.n_harmonics + m] = by_value;
  }
  T sums[1] = {by_distance};
  warp_sums(sums, [&](int, T sum) { a.grad_distance[e] = sum; });
}

}  // namespace

template <class T>
void density_forward(const DensityArguments<T> &a, int64_t n_local, void *stream) {
  launch(forward<T>, dim3(static_cast<unsigned>(n_local)), dim3(THREADS), sizeof(DensityTile<T>), stream, a);
}

template <class T>
void density_backward(const DensityArguments<T> &a, const int64_t *centre, int64_t n_edges, void *stream) {
  constexpr int WARPS = THREADS / WARP;
  launch(backward<T>, dim3(blocks(n_edges, WARPS)), dim3(THREADS), WARPS * sizeof(EdgeFunctions<T>), stream, a, centre,
         n_edges);
}

template void density_forward(const DensityArguments<float> &, int64_t, void *);
template void density_forward(const DensityArguments<double> &, int64_t, void *);
template void density_backward(const DensityArguments<float> &, const int64_t *, int64_t, void *);
template void density_backward(const DensityArguments<double> &, const int64_t *, int64_t, void *);

}  // namespace mlip::cuda
