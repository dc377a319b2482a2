// SPDX-License-Identifier: MIT
/// \file
/// The convolution: all edges of a centre for one path and a block of channels, so that sums stay in registers.
#pragma once

#include "ops/convolution_coupling.h"

namespace mlip::ops::MLIP_ISA {

constexpr int REGISTERS = MLIP_VECTOR_BYTES == 64 ? 32 : 16;

/// Vectors of channels at once: as many as registers hold, with one vector of input and one spare for each.
template <class Kind>
constexpr int vectors_at_once(int m3) {
  const int parts = static_cast<int>(sizeof(typename Kind::Lane) / sizeof(Vector<typename Kind::Number>));
  return (m3 + 1) * 4 * parts < REGISTERS - 3 ? 4 : (m3 + 1) * 2 * parts < REGISTERS - 3 ? 2 : 1;
}

/// A centre, its edges in the order of the visit, and their coupled harmonics.
template <class Kind, class W>
struct Centre {
  int64_t number, n_edges;
  const typename W::Edge *edges;
  Coupled<Kind> coupled;
};

template <class Kind, class W, int L1, int L3, int N, class L>
MLIP_INLINE void forward_block(const ConvolutionArguments<typename Kind::Number> &a, const W &weights,
                               const Centre<Kind, W> &centre, const Path &path, int64_t weight_at, int64_t c, L lanes) {
  using T = typename Kind::Number;
  using Lane = typename Kind::Lane;
  constexpr int M1 = 2 * L1 + 1, M3 = 2 * L3 + 1;
  const typename Kind::Array features{a.features, a.features_tangent};
  Lane total[M3][N] = {};
  for (int64_t k = 0; k < centre.n_edges; k++) {
    const typename W::Edge &edge = centre.edges[k];
    const auto g = Coupled<Kind>::of(centre.coupled, k, path.block);
    const int64_t feature = edge.feature + L1 * L1 * a.channels + c;
    Lane weight[N];
    MLIP_UNROLL for (int n = 0; n < N; n++) weight[n] = W::read(weights, edge, weight_at + c + n * WIDTH<T>, lanes);
    MLIP_UNROLL for (int m1 = 0; m1 < M1; m1++) {
      Lane x[N];
      MLIP_UNROLL for (int n = 0; n < N; n++) x[n] =
          weight[n] * Kind::read(features, feature + m1 * a.channels + n * WIDTH<T>, lanes);
      MLIP_UNROLL for (int m3 = 0; m3 < M3; m3++) {
        const auto factor = g.get(g, m3 * M1 + m1);
        MLIP_UNROLL for (int n = 0; n < N; n++) total[m3][n] += factor * x[n];
      }
    }
  }
  T *out = a.out + (centre.number * a.n_rows + path.row) * a.channels + c;
  MLIP_UNROLL for (int m3 = 0; m3 < M3; m3++) MLIP_UNROLL for (int n = 0; n < N; n++)
      store(out + m3 * path.row_step * a.channels + n * WIDTH<T>, Kind::result(total[m3][n]), lanes);
}

template <class Kind, class W, int L1, int L3>
void forward_path(const ConvolutionArguments<typename Kind::Number> &a, const W &weights, const Centre<Kind, W> &centre,
                  int p) {
  constexpr int V = WIDTH<typename Kind::Number>, N = vectors_at_once<Kind>(2 * L3 + 1);
  const Path &path = a.paths[p];
  const int64_t at = p * a.channels;
  int64_t c = 0;
  for (; c + N * V <= a.channels; c += N * V)
    forward_block<Kind, W, L1, L3, N>(a, weights, centre, path, at, c, AllLanes{});
  if constexpr (N > 1)
    for (; c + V <= a.channels; c += V) forward_block<Kind, W, L1, L3, 1>(a, weights, centre, path, at, c, AllLanes{});
  if (c < a.channels)
    forward_block<Kind, W, L1, L3, 1>(a, weights, centre, path, at, c, SomeLanes{static_cast<int>(a.channels - c)});
}

template <class Kind, class W, int L1, int L3>
struct ForwardStep {
  template <class... Arguments>
  MLIP_INLINE void run(Arguments &&...arguments) {
    forward_path<Kind, W, L1, L3>(arguments...);
  }
};

/// Step<..., l1, l3>::run(arguments...)
template <template <class, class, int, int> class Step, class Kind, class W, class... Arguments>
MLIP_INLINE void by_degrees(int l1, int l3, Arguments &&...arguments) {
#define MLIP_CASE(A, B) \
  case A * 8 + B:       \
    return Step<Kind, W, A, B>::run(arguments...);
#define MLIP_CASES(A) MLIP_CASE(A, 0) MLIP_CASE(A, 1) MLIP_CASE(A, 2) MLIP_CASE(A, 3) MLIP_CASE(A, 4)
  switch (l1 * 8 + l3) { MLIP_CASES(0) MLIP_CASES(1) MLIP_CASES(2) }
#undef MLIP_CASES
#undef MLIP_CASE
}

template <class Kind, class W>
void forward_centres(const ConvolutionArguments<typename Kind::Number> &a, const W &weights, int64_t begin, int64_t end,
                     void *memory) {
  using T = typename Kind::Number;
  for (int64_t number = begin; number < end; number++) {
    const int64_t first = a.first_edge[number], n_edges = a.first_edge[number + 1] - first;
    Scratch scratch{static_cast<char *>(memory)};
    auto *edges = take<typename W::Edge>(scratch, n_edges);
    const Coupled<Kind> coupled{take<T>(scratch, side_by_side<Kind>(n_edges, a.n_coupled)), a.n_coupled};
    prepare_edges(a, weights, first, n_edges, false, scratch, edges);
    couple(a, edges, n_edges, take<T>(scratch, side_by_side<Kind>(n_edges, a.n_harmonics)), coupled);
    const Centre<Kind, W> centre{number, n_edges, edges, coupled};
    for (int p = 0; p < a.n_paths; p++)
      by_degrees<ForwardStep, Kind, W>(a.paths[p].l1, a.paths[p].l3, a, weights, centre, p);
  }
}

}  // namespace mlip::ops::MLIP_ISA
