// SPDX-License-Identifier: MIT
/// \file
/// Harmonics of edges coupled with the coefficients of the paths, and the way back for their gradients.
#pragma once

#include "ops/convolution_edges.h"

namespace mlip::ops::MLIP_ISA {

/// Coupled harmonics of the edges of a centre, as many edges side by side as a vector has lanes:
/// [edges / WIDTH][n_coupled][parts][WIDTH]; dual numbers have two parts.
template <class Kind>
struct Coupled {
  using T = typename Kind::Number;
  static constexpr int PARTS = sizeof(typename Kind::Scalar) / sizeof(T);
  T *numbers;
  int n_coupled;
  /// Those of one edge.
  struct Of {
    const T *at;
    MLIP_INLINE typename Kind::Scalar get(Of of, int k) {
      const T *from = of.at + k * PARTS * WIDTH<T>;
      if constexpr (PARTS == 1)
        return from[0];
      else
        return {from[0], from[WIDTH<T>]};
    }
  };
  MLIP_INLINE Of of(Coupled c, int64_t edge, int from) {
    constexpr int W = WIDTH<T>;
    return {c.numbers + (edge / W * c.n_coupled + from) * PARTS * W + edge % W};
  }
};

/// Numbers for so many edges side by side, with `count` each.
template <class Kind>
MLIP_INLINE int64_t side_by_side(int64_t n_edges, int count) {
  constexpr int W = WIDTH<typename Kind::Number>;
  return (n_edges + W - 1) / W * W * count * Coupled<Kind>::PARTS;
}

/// `side`: room for [n_edges, whole vectors][n_harmonics][parts].
template <class Kind, class Edge>
void couple(const ConvolutionArguments<typename Kind::Number> &a, const Edge *edges, int64_t n_edges,
            typename Kind::Number *side, Coupled<Kind> coupled) {
  using T = typename Kind::Number;
  constexpr int W = WIDTH<T>, P = Coupled<Kind>::PARTS;
  const int entries = a.paths[a.n_paths - 1].entry_end, step = a.n_harmonics * P * W;
  // first all edges side by side, then all vectors: reading vectors from numbers just written would wait for them
  for (int64_t k = 0; k < (n_edges + W - 1) / W * W; k++) {
    const int64_t row = edges[k < n_edges ? k : 0].edge * a.n_harmonics;
    T *to = side + k / W * step + k % W;
    for (int m = 0; m < a.n_harmonics; m++) to[m * P * W] = a.harmonics[row + m];
    if constexpr (P == 2)
      for (int m = 0; m < a.n_harmonics; m++)
        to[(m * P + 1) * W] = a.harmonics_tangent ? a.harmonics_tangent[row + m] : 0;
  }
  for (int64_t from = 0; from < n_edges; from += W, side += step) {
    T *to = coupled.numbers + from * a.n_coupled * P;
    for (int part = 0; part < P; part++)
      for (int at = 0, k = 0; at < a.n_coupled; at++) {
        Vector<T> sum = {};
        for (; k < entries && a.entries[k].at == at; k++)  // ascending; some have none
          sum += static_cast<T>(a.entries[k].value) * load(side + (a.entries[k].harmonic * P + part) * W, AllLanes{});
        store(to + (at * P + part) * W, sum, AllLanes{});
      }
  }
}

/// The coupling as a matrix [n_coupled][harmonics, a multiple of WIDTH].
template <class T>
struct CouplingMatrix {
  T *numbers;
  int columns;
};

template <class T>
CouplingMatrix<T> coupling_matrix(const ConvolutionArguments<T> &a, Scratch &scratch) {
  const int columns = (a.n_harmonics + WIDTH<T> - 1) / WIDTH<T> * WIDTH<T>;
  T *numbers = take<T>(scratch, a.n_coupled * columns);
  for (int k = 0; k < a.n_coupled * columns; k++) numbers[k] = 0;
  const int entries = a.paths[a.n_paths - 1].entry_end;
  for (int k = 0; k < entries; k++)
    numbers[a.entries[k].at * columns + a.entries[k].harmonic] += static_cast<T>(a.entries[k].value);
  return {numbers, columns};
}

/// Gradients of the harmonics of edges from those of coupled ones, [n_edges (a multiple of four fits)][row].
template <class T, class Edge>
void uncouple(const ConvolutionArguments<T> &a, const CouplingMatrix<T> &matrix, const Edge *edges, int64_t n_edges,
              const T *grad_coupled, int64_t row) {
  for (int64_t from = 0; from < n_edges; from += 4)
    for (int c = 0; c < matrix.columns; c += WIDTH<T>) {
      Vector<T> total[4] = {};
      const T *grad = grad_coupled + from * row;
      for (int k = 0; k < a.n_coupled; k++) {
        const Vector<T> coefficient = load(matrix.numbers + k * matrix.columns + c, AllLanes{});
        MLIP_UNROLL for (int e = 0; e < 4; e++) total[e] += grad[e * row + k] * coefficient;
      }
      for (int e = 0; e < 4 && from + e < n_edges; e++) {
        T *to = a.grad_harmonics + edges[from + e].edge * a.n_harmonics + c;
        if (c + WIDTH<T> <= a.n_harmonics)
          store(to, total[e], AllLanes{});
        else
          store(to, total[e], SomeLanes{a.n_harmonics - c});
      }
    }
}

}  // namespace mlip::ops::MLIP_ISA
