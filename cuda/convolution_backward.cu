// SPDX-License-Identifier: MIT
// Backward pass of the convolution, in three kernels without atomics.
//
// `edge_gradients`: a warp takes some edges and one path, and sums over the channels what the edge's weights, distance
// and harmonics get; `join_paths` adds up the paths. `feature_gradients`: a warp takes one neighbour and 32 channels,
// and gathers the adjoints of the centres that it is a neighbour of. The other way, rows per edge that are then summed
// by neighbour, would move less (per atom and layer with 52 neighbours, 128 scalar channels and l_max 3: 53 kB against
// 416 kB, of which the second-level cache serves all but some 10 kB for atoms that are sorted in space), but takes 27
// kB of memory per atom, four times as much with vectors, and the rows would come from device memory.
#include "convolution.h"

#include <type_traits>

namespace mlip::cuda {
namespace {

constexpr int EDGES_PER_WARP = 8;

template <class W, int L_IN>
struct EdgeStep {
  using Kind = typename W::Kind;
  using T = typename W::T;

  template <int L1, int L3>
  struct Of {
    static constexpr int M1 = 2 * L1 + 1, M3 = 2 * L3 + 1, SUMS = M1 * M3 + (W::tabulated ? 1 : 0);

    /// Adds one channel's part to the sums: of the products with the coupled harmonics, and the slope.
    static __device__ __forceinline__ void channel(const Convolution<T> &x, const ops::Path &path, int p, int64_t e,
                                                   const EdgePlace<T> &at, const typename Kind::Scalar *g, int64_t c,
                                                   T (&sums)[SUMS]) {
      using Lane = typename Kind::Lane;
      const typename Kind::Array features{x.a.features, x.a.features_tangent};
      const Lane weight = W::read(x, at, c);
      Lane by_weight = {}, adjoint[M3];
#pragma unroll
      for (int m3 = 0; m3 < M3; m3++)
        adjoint[m3] =
            Kind::read({x.a.adjoint, nullptr}, at.adjoint + m3 * path.row_step * x.a.channels + c, AllLanes{});
#pragma unroll
      for (int m1 = 0; m1 < M1; m1++) {
        const Lane h = Kind::read(features, at.feature + m1 * x.a.channels + c, AllLanes{}), product = weight * h;
        Lane s = {};
#pragma unroll
        for (int m3 = 0; m3 < M3; m3++) {
          s += g[m3 * M1 + m1] * adjoint[m3];
          sums[m3 * M1 + m1] += Kind::result(product * adjoint[m3]);
        }
        by_weight += h * s;
      }
      if constexpr (W::tabulated)
        sums[M1 * M3] += by_weight * W::sum(x, at.slope, at, c);
      else if (x.a.grad_weights)
        x.a.grad_weights[(e * x.a.n_paths + p) * x.a.channels + c] = Kind::result(by_weight);
    }

    static __device__ __forceinline__ void run(const Convolution<T> &x, const ops::Path &path, int p, int64_t first,
                                               int n, const Tile<Kind, L_IN, EDGES_PER_WARP> &tile) {
#pragma unroll 1
      for (int k = 0; k < n; k++) {
        T sums[SUMS] = {};
#pragma unroll 1
        for (int64_t c = lane_of_thread(); c < x.a.channels; c += WARP)
          channel(x, path, p, first + k, tile.place[k], tile.coupled + k * (M1 * M3), c, sums);
        const int64_t e = first + k;
        warp_sums(sums, [&](int m, T sum) {
          if (m == M1 * M3) {
            if (x.slope) x.slope[e * x.a.n_paths + p] = sum;
          } else if (x.overlap) {
            x.overlap[e * x.a.n_coupled + path.block + m] = sum;
          }
        });
      }
    }
  };
};

/// Grid: (edges, in warps of EDGES_PER_WARP; paths).
template <class W, int L_IN>
__global__ void __launch_bounds__(WARP *CONVOLUTION_WARPS) edge_gradients(Convolution<typename W::T> x) {
  using WarpTile = Tile<typename W::Kind, L_IN, EDGES_PER_WARP>;
  static_assert(EDGES_PER_WARP == WarpTile::SIZE);
  SHARED(WarpTile, tiles);
  const int warp = static_cast<int>(threadIdx.x) / WARP, p = static_cast<int>(blockIdx.y);
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * CONVOLUTION_WARPS + warp) * EDGES_PER_WARP;
  if (first >= x.n_edges) return;  // a whole warp
  const int n = x.n_edges - first < EDGES_PER_WARP ? static_cast<int>(x.n_edges - first) : EDGES_PER_WARP;
  const ops::Path path = x.a.paths[p];
  if (lane_of_thread() < n) prepare<W>(x, path, p, first + lane_of_thread(), tiles[warp], true);
  __syncwarp();
  by_degrees<EdgeStep<W, L_IN>::template Of, L_IN>(path.l1, path.l3, x, path, p, first, n, tiles[warp]);
}

/// One thread per edge and harmonic, and one for its distance.
template <class T>
__global__ void join_paths(Convolution<T> x) {
  const int width = x.a.n_harmonics + 1;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, e = at / width;
  const int m = static_cast<int>(at % width);
  if (e >= x.n_edges) return;
  T sum = 0;
  if (m < x.a.n_harmonics) {
    if (!x.a.grad_harmonics) return;
    for (int k = x.first_by_harmonic[m]; k < x.first_by_harmonic[m + 1]; k++)
      sum += x.by_harmonic[k].value * x.overlap[e * x.a.n_coupled + x.by_harmonic[k].at];
    x.a.grad_harmonics[e * x.a.n_harmonics + m] = sum;
  } else if (x.a.grad_distance) {
    for (int p = 0; p < x.a.n_paths; p++) sum += x.slope[e * x.a.n_paths + p];
    x.a.grad_distance[e] = sum;
  }
}

template <class W, int L_IN>
struct FeatureStep {
  using Kind = typename W::Kind;
  using T = typename W::T;

  template <int L1, int L3>
  struct Of {
    static __device__ __forceinline__ void run(const Convolution<T> &x, const ops::Path &path, int p, int64_t atom,
                                               int64_t c, Tile<Kind, L_IN> &tile, T *total) {
      constexpr int M1 = 2 * L1 + 1, M3 = 2 * L3 + 1;
      using Lane = typename Kind::Lane;
      const int64_t end = x.first_incoming[atom + 1];
#pragma unroll 1
      for (int64_t first = x.first_incoming[atom]; first < end; first += tile.SIZE) {
        const int n = end - first < tile.SIZE ? static_cast<int>(end - first) : tile.SIZE;
        __syncwarp();
        if (lane_of_thread() < n) prepare<W>(x, path, p, x.incoming[first + lane_of_thread()], tile, false);
        __syncwarp();
#pragma unroll 1
        for (int k = 0; c < x.a.channels && k < n; k++) {
          const auto &at = tile.place[k];
          const typename Kind::Scalar *g = tile.coupled + k * (M1 * M3);
          const Lane weight = W::read(x, at, c);
          Lane sum[M1] = {};
#pragma unroll
          for (int m3 = 0; m3 < M3; m3++) {
            const Lane adjoint =
                Kind::read({x.a.adjoint, nullptr}, at.adjoint + m3 * path.row_step * x.a.channels + c, AllLanes{});
#pragma unroll
            for (int m1 = 0; m1 < M1; m1++) sum[m1] += g[m3 * M1 + m1] * adjoint;
          }
#pragma unroll
          for (int m1 = 0; m1 < M1; m1++) total[m1] += Kind::result(weight * sum[m1]);
        }
      }
    }
  };
};

/// Grid: (atoms x blocks of 32 channels, in warps; degrees of the feature).
template <class W, int L_IN>
__global__ void __launch_bounds__(WARP *CONVOLUTION_WARPS) feature_gradients(Convolution<typename W::T> x) {
  using T = typename W::T;
  using WarpTile = Tile<typename W::Kind, L_IN>;
  SHARED(WarpTile, tiles);
  const int warp = static_cast<int>(threadIdx.x) / WARP, l1 = static_cast<int>(blockIdx.y);
  const int64_t parts = (x.a.channels + WARP - 1) / WARP;
  const int64_t unit = static_cast<int64_t>(blockIdx.x) * CONVOLUTION_WARPS + warp, atom = unit / parts;
  if (atom >= x.n_all) return;  // a whole warp
  const int64_t c = unit % parts * WARP + lane_of_thread();
  T total[2 * L_IN + 1] = {};
#pragma unroll 1
  for (int p = 0; p < x.a.n_paths; p++) {
    const ops::Path path = x.a.paths[p];
    if (path.l1 == l1)
      by_degrees<FeatureStep<W, L_IN>::template Of, L_IN>(l1, path.l3, x, path, p, atom, c, tiles[warp], total);
  }
  if (c >= x.a.channels) return;
  T *to = x.a.grad_features + (atom * x.a.n_features + l1 * l1) * x.a.channels + c;
#pragma unroll
  for (int m1 = 0; m1 < 2 * L_IN + 1; m1++)
    if (m1 < 2 * l1 + 1) to[m1 * x.a.channels] = total[m1];
}

}  // namespace

template <class T>
void convolution_backward(const Convolution<T> &x, bool derivative, void *stream) {
  const int64_t parts = (x.a.channels + WARP - 1) / WARP;
  const dim3 threads(WARP * CONVOLUTION_WARPS);
  choose(x, derivative, [&](auto weights, auto l_in) {
    using W = decltype(weights);
    constexpr int L_IN = decltype(l_in)::value;
    using Kind = typename W::Kind;
    if (x.overlap || x.slope || x.a.grad_weights)
      launch(edge_gradients<W, L_IN>,
             dim3(blocks(x.n_edges, EDGES_PER_WARP * CONVOLUTION_WARPS), static_cast<unsigned>(x.a.n_paths)), threads,
             CONVOLUTION_WARPS * sizeof(Tile<Kind, L_IN, EDGES_PER_WARP>), stream, x);
    if (x.a.grad_features)
      launch(feature_gradients<W, L_IN>,
             dim3(blocks(x.n_all * parts, CONVOLUTION_WARPS), static_cast<unsigned>(x.l_in + 1)), threads,
             CONVOLUTION_WARPS * sizeof(Tile<Kind, L_IN>), stream, x);
  });
  if (x.a.grad_harmonics || x.a.grad_distance)
    launch(join_paths<T>, dim3(blocks(x.n_edges * (x.a.n_harmonics + 1), 256)), dim3(256), 0, stream, x);
}

template void convolution_backward(const Convolution<float> &, bool, void *);
template void convolution_backward(const Convolution<double> &, bool, void *);

}  // namespace mlip::cuda
