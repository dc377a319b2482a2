// SPDX-License-Identifier: MIT
/// \file
/// The edges of a centre as the convolution visits them: their radial weights, given or from a table, and their order.
#pragma once

#include "ops/convolution.h"
#include "ops/simd.h"
#include "ops/spline.h"

namespace mlip::ops::MLIP_ISA {

/// Memory handed out piece by piece, each on a cache line of its own.
struct Scratch {
  char *next;
};

template <class T>
MLIP_INLINE T *take(Scratch &scratch, int64_t count) {
  char *from = scratch.next + (-reinterpret_cast<intptr_t>(scratch.next) & 63);
  scratch.next = from + count * static_cast<int64_t>(sizeof(T));
  return reinterpret_cast<T *>(from);
}

/// Radial weights given per edge.
template <class Kind>
struct GivenWeights {
  using T = typename Kind::Number;
  static constexpr bool tabulated = false;
  typename Kind::Array array;
  int64_t stride;  // n_paths * channels
  struct Edge {
    int64_t edge, feature;  ///< number of the edge, and where its neighbour's features begin
  };
  MLIP_INLINE void place(const GivenWeights &, Edge &, bool) {}
  template <class L>
  MLIP_INLINE typename Kind::Lane read(const GivenWeights &w, const Edge &edge, int64_t at, L lanes) {
    return Kind::read(w.array, edge.edge * w.stride + at, lanes);
  }
};

/// Radial weights from a table. Plain numbers only.
template <class T>
struct TabulatedWeights {
  static constexpr bool tabulated = true;
  const RadialTable<T> *table;
  int64_t stride;
  struct Edge {
    int64_t edge, feature;
    const T *rows;  ///< six from here on: weight = sum of value[k] times row k, and its slope
    T value[SPLINE_PIECES], slope[SPLINE_PIECES];
  };
  MLIP_INLINE void place(const TabulatedWeights &w, Edge &edge, bool with_slope) {
    const RadialTable<T> &table = *w.table;
    const auto at = spline_place(table.distance[edge.edge], table.first, table.per_length, table.n_intervals);
    const int64_t rows = table.n_intervals + SPLINE_PIECES - 1;
    edge.rows = table.rows + ((table.which ? table.which[edge.edge] : 0) * rows + at.interval) * w.stride;
    spline_values(at, edge.value);
    if (with_slope) spline_slopes(at, table.per_length, edge.slope);
  }
  template <class L>
  MLIP_INLINE Vector<T> read(const TabulatedWeights &w, const Edge &edge, int64_t at, L lanes) {
    const T *row = edge.rows + at;
    Vector<T> sum = edge.value[0] * load(row, lanes);
    MLIP_UNROLL for (int k = 1; k < SPLINE_PIECES; k++) sum += edge.value[k] * load(row + k * w.stride, lanes);
    return sum;
  }
  /// The weight, and its derivative by the distance.
  template <class L>
  MLIP_INLINE Vector<T> read(const TabulatedWeights &w, const Edge &edge, int64_t at, Vector<T> &slope, L lanes) {
    const T *row = edge.rows + at;
    const Vector<T> first = load(row, lanes);
    Vector<T> sum = edge.value[0] * first;
    slope = edge.slope[0] * first;
    MLIP_UNROLL for (int k = 1; k < SPLINE_PIECES; k++) {
      const Vector<T> x = load(row + k * w.stride, lanes);
      sum += edge.value[k] * x;
      slope += edge.slope[k] * x;
    }
    return sum;
  }
};

/// Numbers of the edges from `first` on in the order of their table rows, so that an edge finds those of the edge
/// before in the cache: sorted into at most 256 groups of neighbouring rows. `group`: room for as many.
template <class T>
void order_edges(const RadialTable<T> &table, int64_t first, int64_t count, int32_t *group, int32_t *order) {
  const int64_t rows = table.n_intervals + SPLINE_PIECES - 1;
  int shift = 0;
  while ((table.n_tables * rows - 1) >> shift > 255) shift++;
  int32_t end[257] = {};
  for (int64_t k = 0; k < count; k++) {
    const auto at = spline_place(table.distance[first + k], table.first, table.per_length, table.n_intervals);
    group[k] = static_cast<int32_t>(((table.which ? table.which[first + k] * rows : 0) + at.interval) >> shift & 255);
    end[group[k] + 1]++;
  }
  for (int g = 0; g < 256; g++) end[g + 1] += end[g];
  for (int64_t k = 0; k < count; k++) order[end[group[k]]++] = static_cast<int32_t>(k);
}

/// The edges of a centre. Of the scratch memory nothing is needed afterwards.
template <class W, class T>
MLIP_INLINE void prepare_edges(const ConvolutionArguments<T> &a, const W &weights, int64_t first, int64_t count,
                               bool with_slope, Scratch scratch, typename W::Edge *edges) {
  auto *order = take<int32_t>(scratch, count);
  if constexpr (W::tabulated) order_edges(a.table, first, count, take<int32_t>(scratch, count), order);
  for (int64_t k = 0; k < count; k++) {
    edges[k].edge = first + (W::tabulated ? order[k] : k);
    edges[k].feature = a.neighbour[edges[k].edge] * a.n_features * a.channels;
    __builtin_prefetch(a.harmonics + edges[k].edge * a.n_harmonics);
    W::place(weights, edges[k], with_slope);
  }
}

}  // namespace mlip::ops::MLIP_ISA
