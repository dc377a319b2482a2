// SPDX-License-Identifier: MIT
/// \file
/// Loops of the convolution, for any kind of numbers (plain or dual), compiled once per instruction set.
///
/// Forward: all edges of a centre for one path and a block of channels, so that sums stay in registers. Backward: edge
/// by edge with the centre's adjoint in the first-level cache; sums over channels stay in registers.
#pragma once

#include "ops/convolution.h"
#include "ops/simd.h"
#include "ops/spline.h"

namespace mlip::ops::MLIP_ISA {

/// One edge among the knots: weight = sum over k of value[k] times the k-th row from `knot` on, and its slope.
template <class T>
struct SplinePoint {
  const T *knot;
  T value[SPLINE_PIECES], slope[SPLINE_PIECES];
};

template <class T>
MLIP_INLINE SplinePoint<T> spline_point(const RadialTable<T> &table, int64_t stride, int64_t edge) {
  const auto place = spline_place(table.distance[edge], table.first, table.per_length, table.n_intervals);
  const int64_t rows = table.n_intervals + SPLINE_PIECES - 1;
  SplinePoint<T> point;
  point.knot = table.rows + ((table.which ? table.which[edge] : 0) * rows + place.interval) * stride;
  spline_values(place, point.value);
  spline_slopes(place, table.per_length, point.slope);
  return point;
}

template <class T, class L>
MLIP_INLINE Vector<T> spline(const SplinePoint<T> &point, const T *factor, int64_t stride, int64_t at, L lanes) {
  const T *p = point.knot + at;
  Vector<T> sum = factor[0] * load(p, lanes);
  MLIP_UNROLL for (int k = 1; k < SPLINE_PIECES; k++) sum += factor[k] * load(p + k * stride, lanes);
  return sum;
}

/// Radial weights given per edge.
template <class Kind>
struct GivenWeights {
  using T = typename Kind::Number;
  static constexpr bool tabulated = false;
  typename Kind::Array array;
  int64_t stride;  // n_paths * channels
  struct Edge {
    int64_t at;
  };
  MLIP_INLINE Edge edge(const GivenWeights &w, int64_t e) { return {e * w.stride}; }
  template <class L>
  MLIP_INLINE typename Kind::Lane read(const GivenWeights &w, const Edge &edge, int64_t at, L lanes) {
    return Kind::read(w.array, edge.at + at, lanes);
  }
};

/// Radial weights from a table. Plain numbers only.
template <class T>
struct TabulatedWeights {
  static constexpr bool tabulated = true;
  const RadialTable<T> *table;
  int64_t stride;
  using Edge = SplinePoint<T>;
  MLIP_INLINE Edge edge(const TabulatedWeights &w, int64_t e) { return spline_point(*w.table, w.stride, e); }
  template <class L>
  MLIP_INLINE Vector<T> read(const TabulatedWeights &w, const Edge &edge, int64_t at, L lanes) {
    return spline(edge, edge.value, w.stride, at, lanes);
  }
};

/// Harmonics of an edge coupled with the coefficients of all paths.
template <class Kind>
MLIP_INLINE void couple(const ConvolutionArguments<typename Kind::Number> &a, int64_t e,
                        typename Kind::Scalar *coupled) {
  using T = typename Kind::Number;
  const typename Kind::Array harmonics{a.harmonics, a.harmonics_tangent};
  for (int k = 0; k < a.n_coupled; k++) coupled[k] = typename Kind::Scalar{};
  for (int p = 0; p < a.n_paths; p++)
    for (int k = a.paths[p].entry_begin; k < a.paths[p].entry_end; k++) {
      const Entry &entry = a.entries[k];
      coupled[entry.at] +=
          Kind::scaled(Kind::number(harmonics, e * a.n_harmonics + entry.harmonic), static_cast<T>(entry.value));
    }
}

template <class Kind, class W, int L1, int L3, int N, class L>
MLIP_INLINE void forward_block(const ConvolutionArguments<typename Kind::Number> &a, const W &weights, int64_t centre,
                               const Path &path, int64_t weight_at, int64_t c, const typename W::Edge *edges,
                               const typename Kind::Scalar *coupled, L lanes) {
  using T = typename Kind::Number;
  constexpr int M1 = 2 * L1 + 1, M3 = 2 * L3 + 1;
  const typename Kind::Array features{a.features, a.features_tangent};
  typename Kind::Lane total[M3][N] = {};
  const int64_t begin = a.first_edge[centre], end = a.first_edge[centre + 1];
  for (int64_t e = begin; e < end; e++) {
    const typename Kind::Scalar *g = coupled + (e - begin) * a.n_coupled + path.block;
    const int64_t feature = (a.neighbour[e] * a.n_features + L1 * L1) * a.channels + c;
    typename Kind::Lane weight[N];
    MLIP_UNROLL for (int n = 0; n < N; n++) weight[n] =
        W::read(weights, edges[e - begin], weight_at + c + n * WIDTH<T>, lanes);
    MLIP_UNROLL for (int m1 = 0; m1 < M1; m1++) MLIP_UNROLL for (int n = 0; n < N; n++) {
      const auto x = weight[n] * Kind::read(features, feature + m1 * a.channels + n * WIDTH<T>, lanes);
      MLIP_UNROLL for (int m3 = 0; m3 < M3; m3++) total[m3][n] += g[m3 * M1 + m1] * x;
    }
  }
  for (int m3 = 0; m3 < M3; m3++)
    for (int n = 0; n < N; n++)
      store(a.out + (centre * a.n_rows + path.row + m3 * path.row_step) * a.channels + c + n * WIDTH<T>,
            Kind::result(total[m3][n]), lanes);
}

template <class Kind, class W, int L1, int L3>
void forward_path(const ConvolutionArguments<typename Kind::Number> &a, const W &weights, int64_t centre, int p,
                  const typename W::Edge *edges, const typename Kind::Scalar *coupled) {
  using T = typename Kind::Number;
  // as many vectors at once as registers hold
  constexpr int N = (2 * L3 + 1) * static_cast<int>(sizeof(typename Kind::Lane) / sizeof(Vector<T>)) <= 7 ? 2 : 1;
  const Path &path = a.paths[p];
  const int64_t at = p * a.channels;
  int64_t c = 0;
  for (; c + N * WIDTH<T> <= a.channels; c += N * WIDTH<T>)
    forward_block<Kind, W, L1, L3, N>(a, weights, centre, path, at, c, edges, coupled, AllLanes{});
  for (; c + WIDTH<T> <= a.channels; c += WIDTH<T>)
    forward_block<Kind, W, L1, L3, 1>(a, weights, centre, path, at, c, edges, coupled, AllLanes{});
  if (c < a.channels)
    forward_block<Kind, W, L1, L3, 1>(a, weights, centre, path, at, c, edges, coupled,
                                      SomeLanes{static_cast<int>(a.channels - c)});
}

/// What one edge hands back, besides the gradient of the neighbour's feature.
template <class Kind, class W, int L1, int L3, class L>
MLIP_INLINE void backward_block(const ConvolutionArguments<typename Kind::Number> &a, const W &weights, int64_t e,
                                const typename W::Edge &edge, const Path &path, int64_t weight_at, int64_t adjoint,
                                int64_t c, const typename Kind::Scalar *g,
                                typename Kind::Lane (&overlap)[2 * L3 + 1][2 * L1 + 1],
                                Vector<typename Kind::Number> &slope, L lanes) {
  using T = typename Kind::Number;
  using Lane = typename Kind::Lane;
  constexpr int M1 = 2 * L1 + 1, M3 = 2 * L3 + 1;
  const typename Kind::Array features{a.features, a.features_tangent};
  const int64_t feature = (a.neighbour[e] * a.n_features + L1 * L1) * a.channels + c;
  const Lane weight = W::read(weights, edge, weight_at + c, lanes);
  Lane grad_weight = {};
  MLIP_UNROLL for (int m1 = 0; m1 < M1; m1++) {
    const Lane h = Kind::read(features, feature + m1 * a.channels, lanes);
    const Lane x = weight * h;
    Lane s = {};
    MLIP_UNROLL for (int m3 = 0; m3 < M3; m3++) {
      const Lane adj = Kind::read({a.adjoint, nullptr}, adjoint + m3 * path.row_step * a.channels + c, lanes);
      s += g[m3 * M1 + m1] * adj;
      overlap[m3][m1] += x * adj;
    }
    grad_weight += h * s;
    if (a.grad_features) {
      T *to = a.grad_features + feature + m1 * a.channels;
      store(to, load(to, lanes) + Kind::result(weight * s), lanes);
    }
  }
  if constexpr (W::tabulated) {
    slope += grad_weight * spline(edge, edge.slope, weights.stride, weight_at + c, lanes);
  } else if (a.grad_weights) {
    store(a.grad_weights + e * a.n_paths * a.channels + weight_at + c, Kind::result(grad_weight), lanes);
  }
}

template <class Kind, class W, int L1, int L3>
void backward_path(const ConvolutionArguments<typename Kind::Number> &a, const W &weights, int64_t e,
                   const typename W::Edge &edge, int64_t centre, int p, const typename Kind::Scalar *coupled,
                   typename Kind::Scalar *grad_coupled, Vector<typename Kind::Number> &slope) {
  using T = typename Kind::Number;
  constexpr int M1 = 2 * L1 + 1, M3 = 2 * L3 + 1;
  const Path &path = a.paths[p];
  const int64_t adjoint = (centre * a.n_rows + path.row) * a.channels;
  const typename Kind::Scalar *g = coupled + path.block;
  typename Kind::Lane overlap[M3][M1] = {};
  int64_t c = 0;
  for (; c + WIDTH<T> <= a.channels; c += WIDTH<T>)
    backward_block<Kind, W, L1, L3>(a, weights, e, edge, path, p * a.channels, adjoint, c, g, overlap, slope,
                                    AllLanes{});
  if (c < a.channels)
    backward_block<Kind, W, L1, L3>(a, weights, e, edge, path, p * a.channels, adjoint, c, g, overlap, slope,
                                    SomeLanes{static_cast<int>(a.channels - c)});
  if (a.grad_harmonics)
    for (int m3 = 0; m3 < M3; m3++)
      for (int m1 = 0; m1 < M1; m1++) grad_coupled[path.block + m3 * M1 + m1] = Kind::total(overlap[m3][m1]);
}

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

template <class Kind, class W, int L1, int L3>
struct ForwardStep {
  template <class... Arguments>
  MLIP_INLINE void run(Arguments &&...arguments) {
    forward_path<Kind, W, L1, L3>(arguments...);
  }
};

template <class Kind, class W, int L1, int L3>
struct BackwardStep {
  template <class... Arguments>
  MLIP_INLINE void run(Arguments &&...arguments) {
    backward_path<Kind, W, L1, L3>(arguments...);
  }
};

template <class Kind, class W>
void forward_centres(const ConvolutionArguments<typename Kind::Number> &a, const W &weights, int64_t begin, int64_t end,
                     void *scratch) {
  for (int64_t centre = begin; centre < end; centre++) {
    const int64_t first = a.first_edge[centre], n_edges = a.first_edge[centre + 1] - first;
    auto *edges = static_cast<typename W::Edge *>(scratch);
    auto *coupled = reinterpret_cast<typename Kind::Scalar *>(edges + n_edges);
    for (int64_t k = 0; k < n_edges; k++) {
      edges[k] = W::edge(weights, first + k);
      couple<Kind>(a, first + k, coupled + k * a.n_coupled);
    }
    for (int p = 0; p < a.n_paths; p++)
      by_degrees<ForwardStep, Kind, W>(a.paths[p].l1, a.paths[p].l3, a, weights, centre, p, edges, coupled);
  }
}

template <class Kind, class W>
void backward_centres(const ConvolutionArguments<typename Kind::Number> &a, const W &weights, int64_t begin,
                      int64_t end, void *scratch) {
  using T = typename Kind::Number;
  auto *coupled = static_cast<typename Kind::Scalar *>(scratch);
  auto *grad_coupled = coupled + a.n_coupled;
  for (int64_t centre = begin; centre < end; centre++)
    for (int64_t e = a.first_edge[centre]; e < a.first_edge[centre + 1]; e++) {
      const typename W::Edge edge = W::edge(weights, e);
      couple<Kind>(a, e, coupled);
      Vector<T> slope = {};
      for (int p = 0; p < a.n_paths; p++)
        by_degrees<BackwardStep, Kind, W>(a.paths[p].l1, a.paths[p].l3, a, weights, e, edge, centre, p, coupled,
                                          grad_coupled, slope);
      if (W::tabulated && a.grad_distance) a.grad_distance[e] = sum<T>(slope);
      if (!a.grad_harmonics) continue;
      T *grad = a.grad_harmonics + e * a.n_harmonics;
      for (int k = 0; k < a.n_harmonics; k++) grad[k] = 0;
      for (int p = 0; p < a.n_paths; p++)
        for (int k = a.paths[p].entry_begin; k < a.paths[p].entry_end; k++)
          grad[a.entries[k].harmonic] +=
              static_cast<T>(a.entries[k].value) * Kind::result(grad_coupled[a.entries[k].at]);
    }
}

template <class T>
void forward(const ConvolutionArguments<T> &a, int64_t begin, int64_t end, void *scratch) {
  const int64_t stride = a.n_paths * a.channels;
  if (a.table.rows)
    forward_centres<Plain<T>>(a, TabulatedWeights<T>{&a.table, stride}, begin, end, scratch);
  else
    forward_centres<Plain<T>>(a, GivenWeights<Plain<T>>{{a.weights, nullptr}, stride}, begin, end, scratch);
}

template <class T>
void backward(const ConvolutionArguments<T> &a, int64_t begin, int64_t end, void *scratch) {
  const int64_t stride = a.n_paths * a.channels;
  if (a.table.rows)
    backward_centres<Plain<T>>(a, TabulatedWeights<T>{&a.table, stride}, begin, end, scratch);
  else
    backward_centres<Plain<T>>(a, GivenWeights<Plain<T>>{{a.weights, nullptr}, stride}, begin, end, scratch);
}

template <class T>
void forward_derivative(const ConvolutionArguments<T> &a, int64_t begin, int64_t end, void *scratch) {
  using Kind = Derivative<T>;
  forward_centres<Kind>(a, GivenWeights<Kind>{{a.weights, a.weights_tangent}, a.n_paths * a.channels}, begin, end,
                        scratch);
}

template <class T>
void backward_derivative(const ConvolutionArguments<T> &a, int64_t begin, int64_t end, void *scratch) {
  using Kind = Derivative<T>;
  backward_centres<Kind>(a, GivenWeights<Kind>{{a.weights, a.weights_tangent}, a.n_paths * a.channels}, begin, end,
                         scratch);
}

}  // namespace mlip::ops::MLIP_ISA
