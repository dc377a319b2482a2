// SPDX-License-Identifier: MIT
// Forward pass of the convolution: a warp sums the edges of one centre for one path and 32 channels, in registers.
#include "convolution.h"

#include <type_traits>

namespace mlip::cuda {
namespace {

template <class W, int L_IN>
struct ForwardStep {
  using Kind = typename W::Kind;
  using T = typename W::T;

  template <int L1, int L3>
  struct Of {
    static __device__ __forceinline__ void run(const Convolution<T> &x, const ops::Path &path, int p, int64_t centre,
                                               int64_t c, Tile<Kind, L_IN> &tile) {
      constexpr int M1 = 2 * L1 + 1, M3 = 2 * L3 + 1;
      const typename Kind::Array features{x.a.features, x.a.features_tangent};
      const int64_t end = x.a.first_edge[centre + 1];
      typename Kind::Lane total[M3] = {};
#pragma unroll 1
      for (int64_t first = x.a.first_edge[centre]; first < end; first += tile.SIZE) {
        const int n = end - first < tile.SIZE ? static_cast<int>(end - first) : tile.SIZE;
        __syncwarp();
        if (lane_of_thread() < n) prepare<W>(x, path, p, first + lane_of_thread(), tile, false);
        __syncwarp();
#pragma unroll 1
        for (int k = 0; c < x.a.channels && k < n; k++) {
          const auto &at = tile.place[k];
          const typename Kind::Scalar *g = tile.coupled + k * (M1 * M3);
          const auto weight = W::read(x, at, c);
#pragma unroll
          for (int m1 = 0; m1 < M1; m1++) {
            const auto product = weight * Kind::read(features, at.feature + m1 * x.a.channels + c, AllLanes{});
#pragma unroll
            for (int m3 = 0; m3 < M3; m3++) total[m3] += g[m3 * M1 + m1] * product;
          }
        }
      }
      if (c >= x.a.channels) return;
      T *out = x.a.out + (centre * x.a.n_rows + path.row) * x.a.channels + c;
#pragma unroll
      for (int m3 = 0; m3 < M3; m3++) out[m3 * path.row_step * x.a.channels] = Kind::result(total[m3]);
    }
  };
};

/// Grid: (centres x blocks of 32 channels, in warps; paths).
template <class W, int L_IN>
__global__ void __launch_bounds__(WARP *CONVOLUTION_WARPS) forward(Convolution<typename W::T> x) {
  using WarpTile = Tile<typename W::Kind, L_IN>;
  SHARED(WarpTile, tiles);
  const int warp = static_cast<int>(threadIdx.x) / WARP, p = static_cast<int>(blockIdx.y);
  const int64_t parts = (x.a.channels + WARP - 1) / WARP;
  const int64_t unit = static_cast<int64_t>(blockIdx.x) * CONVOLUTION_WARPS + warp;
  if (unit >= x.n_local * parts) return;  // a whole warp
  const int64_t c = unit % parts * WARP + lane_of_thread();
  const ops::Path path = x.a.paths[p];
  by_degrees<ForwardStep<W, L_IN>::template Of, L_IN>(path.l1, path.l3, x, path, p, unit / parts, c, tiles[warp]);
}

}  // namespace

template <class T>
void convolution_forward(const Convolution<T> &x, bool derivative, void *stream) {
  const int64_t parts = (x.a.channels + WARP - 1) / WARP;
  const dim3 grid(blocks(x.n_local * parts, CONVOLUTION_WARPS), static_cast<unsigned>(x.a.n_paths));
  choose(x, derivative, [&](auto weights, auto l_in) {
    using W = decltype(weights);
    constexpr int L_IN = decltype(l_in)::value;
    launch(forward<W, L_IN>, grid, dim3(WARP * CONVOLUTION_WARPS),
           CONVOLUTION_WARPS * sizeof(Tile<typename W::Kind, L_IN>), stream, x);
  });
}

template void convolution_forward(const Convolution<float> &, bool, void *);
template void convolution_forward(const Convolution<double> &, bool, void *);

}  // namespace mlip::cuda
