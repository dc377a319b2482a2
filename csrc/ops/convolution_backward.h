// SPDX-License-Identifier: MIT
/// \file
/// Gradients of the convolution: some edges of a centre for one path and all channels; sums over channels stay in
/// registers, the centre's adjoint in the first-level cache.
#pragma once

#include "ops/convolution_forward.h"
#include "ops/totals.h"

namespace mlip::ops::MLIP_ISA {

/// What one edge and path hand back, besides the gradient of the neighbour's feature: sums over channels of
/// [m3][m1] for the coupled harmonics, and for the distance, lane by lane.
template <class Kind, int L1, int L3>
struct EdgeSums {
  typename Kind::Lane overlap[2 * L3 + 1][2 * L1 + 1] = {};
  Vector<typename Kind::Number> slope = {};
};

template <class Kind, class W, int L1, int L3, class L>
MLIP_INLINE void backward_block(const ConvolutionArguments<typename Kind::Number> &a, const W &weights,
                                const typename W::Edge &edge, const Path &path, int64_t weight_at,
                                const typename Kind::Number *adjoint, int64_t c,
                                const typename Kind::Scalar (&g)[2 * L3 + 1][2 * L1 + 1], EdgeSums<Kind, L1, L3> &sums,
                                L lanes) {
  using T = typename Kind::Number;
  using Lane = typename Kind::Lane;
  constexpr int M1 = 2 * L1 + 1, M3 = 2 * L3 + 1;
  const typename Kind::Array features{a.features, a.features_tangent};
  const int64_t feature = edge.feature + L1 * L1 * a.channels + c;
  Lane weight;
  Vector<T> slope;
  if constexpr (W::tabulated)
    weight = W::read(weights, edge, weight_at + c, slope, lanes);
  else
    weight = W::read(weights, edge, weight_at + c, lanes);
  Lane h[M1], x[M1], s[M1] = {}, grad_weight = {};
  MLIP_UNROLL for (int m1 = 0; m1 < M1; m1++) {
    h[m1] = Kind::read(features, feature + m1 * a.channels, lanes);
    x[m1] = weight * h[m1];
  }
  MLIP_UNROLL for (int m3 = 0; m3 < M3; m3++) {
    const Lane adj = Kind::read({adjoint, nullptr}, m3 * path.row_step * a.channels + c, lanes);
    MLIP_UNROLL for (int m1 = 0; m1 < M1; m1++) {
      s[m1] += g[m3][m1] * adj;
      sums.overlap[m3][m1] += x[m1] * adj;
    }
  }
  MLIP_UNROLL for (int m1 = 0; m1 < M1; m1++) grad_weight += h[m1] * s[m1];
  if (a.grad_features) MLIP_UNROLL for (int m1 = 0; m1 < M1; m1++) {
      T *to = a.grad_features + feature + m1 * a.channels;
      store(to, load(to, lanes) + Kind::result(weight * s[m1]), lanes);
    }
  if constexpr (W::tabulated)
    sums.slope += grad_weight * slope;
  else if (a.grad_weights)
    store(a.grad_weights + edge.edge * weights.stride + weight_at + c, Kind::result(grad_weight), lanes);
}

/// Edges begin .. end-1 of those of `centre`, of which it has the coupled harmonics. grad_coupled: [edges][row],
/// grad_distance: [edges].
template <class Kind, class W, int L1, int L3>
void backward_path(const ConvolutionArguments<typename Kind::Number> &a, const W &weights,
                   const Centre<Kind, W> &centre, int p, int64_t begin, int64_t end,
                   typename Kind::Number *grad_coupled, int64_t row, typename Kind::Number *grad_distance) {
  using T = typename Kind::Number;
  constexpr int M1 = 2 * L1 + 1, M3 = 2 * L3 + 1;
  const Path &path = a.paths[p];
  const T *adjoint = a.adjoint + (centre.number * a.n_rows + path.row) * a.channels;
  for (int64_t k = begin; k < end; k++) {
    const auto from = Coupled<Kind>::of(centre.coupled, k, path.block);
    typename Kind::Scalar g[M3][M1];
    MLIP_UNROLL for (int m3 = 0; m3 < M3; m3++) MLIP_UNROLL for (int m1 = 0; m1 < M1; m1++) g[m3][m1] =
        from.get(from, m3 * M1 + m1);
    EdgeSums<Kind, L1, L3> sums;
    const typename W::Edge edge = centre.edges[k];  // a copy, so that stores do not seem to change it
    int64_t c = 0;
    for (; c + WIDTH<T> <= a.channels; c += WIDTH<T>)
      backward_block<Kind, W, L1, L3>(a, weights, edge, path, p * a.channels, adjoint, c, g, sums, AllLanes{});
    if (c < a.channels)
      backward_block<Kind, W, L1, L3>(a, weights, edge, path, p * a.channels, adjoint, c, g, sums,
                                      SomeLanes{static_cast<int>(a.channels - c)});
    Vector<T> parts[M3 * M1 + 1];
    MLIP_UNROLL for (int m = 0; m < M3 * M1; m++) parts[m] = Kind::result(sums.overlap[m / M1][m % M1]);
    parts[M3 * M1] = sums.slope;
    T *to = grad_coupled + (k - begin) * row +
            path.block;  // what is written too far belongs to the next path, which comes later
    store_totals<T, M3 * M1 + W::tabulated>(parts, to);
    if constexpr (W::tabulated) grad_distance[k - begin] += to[M3 * M1];
  }
}

template <class Kind, class W, int L1, int L3>
struct BackwardStep {
  template <class... Arguments>
  MLIP_INLINE void run(Arguments &&...arguments) {
    backward_path<Kind, W, L1, L3>(arguments...);
  }
};

template <class Kind, class W>
void backward_centres(const ConvolutionArguments<typename Kind::Number> &a, const W &weights, int64_t begin,
                      int64_t end, void *memory) {
  using T = typename Kind::Number;
  constexpr int BLOCK = WIDTH<T> < 4 ? 4 : WIDTH<T>;
  const int64_t row = a.n_coupled + 2 * WIDTH<T>;
  Scratch kept{static_cast<char *>(memory)};
  const CouplingMatrix<T> matrix = coupling_matrix(a, kept);
  auto *grad_coupled = take<T>(kept, BLOCK * row);
  for (int64_t number = begin; number < end; number++) {
    const int64_t first = a.first_edge[number], n_edges = a.first_edge[number + 1] - first;
    Scratch scratch = kept;
    auto *edges = take<typename W::Edge>(scratch, n_edges);
    const Coupled<Kind> coupled{take<T>(scratch, side_by_side<Kind>(n_edges, a.n_coupled)), a.n_coupled};
    prepare_edges(a, weights, first, n_edges, true, scratch, edges);
    couple(a, edges, n_edges, take<T>(scratch, side_by_side<Kind>(n_edges, a.n_harmonics)), coupled);
    const Centre<Kind, W> centre{number, n_edges, edges, coupled};
    // edge by edge where weights come from memory and their gradients go there; else some edges path by path
    constexpr int STEP = W::tabulated ? BLOCK : 1;
    for (int64_t from = 0; from < n_edges; from += BLOCK) {
      const int64_t to = n_edges - from < BLOCK ? n_edges : from + BLOCK;
      T grad_distance[BLOCK] = {};
      for (int64_t k = from; k < to; k += STEP)
        for (int p = 0; p < a.n_paths; p++)
          by_degrees<BackwardStep, Kind, W>(a.paths[p].l1, a.paths[p].l3, a, weights, centre, p, k,
                                            k + STEP < to ? k + STEP : to, grad_coupled + (k - from) * row, row,
                                            grad_distance);
      if (a.grad_harmonics) uncouple(a, matrix, edges + from, to - from, grad_coupled, row);
      if (W::tabulated && a.grad_distance)
        for (int64_t k = from; k < to; k++) a.grad_distance[edges[k].edge] = grad_distance[k - from];
    }
  }
}

}  // namespace mlip::ops::MLIP_ISA
