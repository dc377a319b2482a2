// SPDX-License-Identifier: MIT
/// \file
/// What the kernels of the convolution share: radial weights, and edges prepared for a warp.
///
/// Every kernel works path by path in warps that need nothing of each other: lanes are channels, and up to `TILE` edges
/// at a time are prepared (one lane each: spline factors, harmonics coupled for the path) in the warp's part of the
/// shared memory. The path is the slow index of the grid, so that what runs together on a multiprocessor reads the rows
/// of the radial table that belong to one path: some 50 kB of single-precision numbers for 128 channels, which stay in
/// its first-level cache. Were they read from the second level, 6 rows per edge and path would be the limit of the
/// whole model (2.5 MB per atom and step); the neighbours' features, read once per path instead of once, cost a sixth.
#pragma once

#include "kernels.h"
#include "launch.h"
#include "warp.h"

#include <type_traits>

#include "ops/simd.h"
#include "ops/spline.h"

namespace mlip::cuda {

using ops::device::AllLanes;
using ops::device::Derivative;
using ops::device::Plain;

constexpr int CONVOLUTION_WARPS = 4;  // per block
constexpr int MOST_L3 = 4;

/// Offsets of an edge in features, adjoints and weights or table, and spline factors.
template <class T>
struct EdgePlace {
  int64_t feature, adjoint, weight;
  T value[ops::SPLINE_PIECES], slope[ops::SPLINE_PIECES];  // with a table
};

/// Radial weights given per edge.
template <class K>
struct GivenWeights {
  using Kind = K;
  using T = typename Kind::Number;
  static constexpr bool tabulated = false;

  static __device__ __forceinline__ void place(const Convolution<T> &x, int64_t e, int p, EdgePlace<T> &at, bool) {
    at.weight = (e * x.a.n_paths + p) * x.a.channels;
  }
  static __device__ __forceinline__ typename Kind::Lane read(const Convolution<T> &x, const EdgePlace<T> &at,
                                                             int64_t c) {
    return Kind::read({x.a.weights, x.a.weights_tangent}, at.weight + c, AllLanes{});
  }
};

/// Radial weights from a table. Plain numbers only.
template <class Number>
struct TabulatedWeights {
  using T = Number;
  using Kind = Plain<T>;
  static constexpr bool tabulated = true;

  static __device__ __forceinline__ void place(const Convolution<T> &x, int64_t e, int p, EdgePlace<T> &at,
                                               bool with_slope) {
    const auto &table = x.a.table;
    const auto where = ops::spline_place(table.distance[e], table.first, table.per_length, table.n_intervals);
    ops::spline_values(where, at.value);
    if (with_slope) ops::spline_slopes(where, table.per_length, at.slope);
    const int64_t rows = table.n_intervals + ops::SPLINE_PIECES - 1;
    at.weight = (((table.which ? table.which[e] : 0) * rows + where.interval) * x.a.n_paths + p) * x.a.channels;
  }
  static __device__ __forceinline__ T sum(const Convolution<T> &x, const T *factors, const EdgePlace<T> &at,
                                          int64_t c) {
    const T *row = x.a.table.rows + at.weight + c;
    const int64_t step = x.a.n_paths * x.a.channels;
    T total = 0;
#pragma unroll
    for (int k = 0; k < ops::SPLINE_PIECES; k++) total += factors[k] * row[k * step];
    return total;
  }
  static __device__ __forceinline__ T read(const Convolution<T> &x, const EdgePlace<T> &at, int64_t c) {
    return sum(x, at.value, at, c);
  }
};

/// Edges prepared for a warp: as many as fit into its share of the shared memory, at most MOST.
template <class Kind, int L_IN, int MOST = WARP>
struct Tile {
  using T = typename Kind::Number;
  using Scalar = typename Kind::Scalar;
  static constexpr int MOST_COUPLED = (2 * L_IN + 1) * (2 * MOST_L3 + 1);
  static constexpr int EDGE_BYTES = sizeof(EdgePlace<T>) + sizeof(Scalar) * MOST_COUPLED;
  static constexpr int FITTING = EDGE_BYTES * 32 <= 12000 ? 32 : EDGE_BYTES * 16 <= 12000 ? 16 : 8;
  static constexpr int SIZE = FITTING < MOST ? FITTING : MOST;
  EdgePlace<T> place[SIZE];
  Scalar coupled[SIZE * MOST_COUPLED];  // of an edge (2 l1 + 1)(2 l3 + 1), an odd number: no two lanes in one bank
};

/// Harmonics of an edge coupled with the coefficients of a path.
template <class Kind>
__device__ __forceinline__ void couple(const Convolution<typename Kind::Number> &x, const ops::Path &path, int64_t e,
                                       int n, typename Kind::Scalar *coupled) {
#pragma unroll 1
  for (int k = 0; k < n; k++) coupled[k] = typename Kind::Scalar{};
#pragma unroll 1
  for (int k = path.entry_begin; k < path.entry_end; k++) {
    const auto entry = x.couplings[k];
    coupled[entry.at - path.block] += Kind::scaled(
        Kind::number({x.a.harmonics, x.a.harmonics_tangent}, e * x.a.n_harmonics + entry.harmonic), entry.value);
  }
}

/// The edge of this lane. All lanes of the warp must come here, and read the tile after a __syncwarp.
template <class W, class WarpTile>
__device__ __forceinline__ void prepare(const Convolution<typename W::T> &x, const ops::Path &path, int p, int64_t e,
                                        WarpTile &tile, bool with_slope) {
  auto &at = tile.place[lane_of_thread()];
  const int coupled = (2 * path.l1 + 1) * (2 * path.l3 + 1);
  W::place(x, e, p, at, with_slope);
  at.feature = (x.a.neighbour[e] * x.a.n_features + path.l1 * path.l1) * x.a.channels;
  at.adjoint = x.centre ? (x.centre[e] * x.a.n_rows + path.row) * x.a.channels : 0;
  couple<typename W::Kind>(x, path, e, coupled, tile.coupled + lane_of_thread() * coupled);
}

/// Calls Step<l1, l3>::run(...) for l1 up to L_IN.
template <template <int, int> class Step, int L_IN, class... Arguments>
__device__ __forceinline__ void by_degrees(int l1, int l3, Arguments &&...arguments) {
#define MLIP_CASE(A, B)                                     \
  case A * 8 + B:                                           \
    if constexpr (A <= L_IN) Step<A, B>::run(arguments...); \
    break;
#define MLIP_CASES(A) MLIP_CASE(A, 0) MLIP_CASE(A, 1) MLIP_CASE(A, 2) MLIP_CASE(A, 3) MLIP_CASE(A, 4)
  switch (l1 * 8 + l3) { MLIP_CASES(0) MLIP_CASES(1) MLIP_CASES(2) }
#undef MLIP_CASES
#undef MLIP_CASE
}

/// Calls `start` with GivenWeights or TabulatedWeights, and a bound of the features' degree, as types. Kernels for
/// lower degrees need fewer registers; for the sake of compile time they exist where speed matters most.
template <class T, class Start>
void choose(const Convolution<T> &x, bool derivative, const Start &start) {
  using Zero = std::integral_constant<int, 0>;
  using One = std::integral_constant<int, 1>;
  using Two = std::integral_constant<int, 2>;
  if (x.a.table.rows) {
    if constexpr (std::is_same_v<T, float>) {
      if (x.l_in == 0) return start(TabulatedWeights<T>{}, Zero{});
      if (x.l_in == 1) return start(TabulatedWeights<T>{}, One{});
    }
    start(TabulatedWeights<T>{}, Two{});
  } else if (derivative) {
    start(GivenWeights<Derivative<T>>{}, Two{});
  } else {
    start(GivenWeights<Plain<T>>{}, Two{});
  }
}

}  // namespace mlip::cuda
