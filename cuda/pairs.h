// SPDX-License-Identifier: MIT
/// \file
/// Launchers of edges.cu and cells.cu: from positions to edges, from edge gradients to forces and virials, and the cell
/// list. Plain C++; all pointers are pointers to device memory.
#pragma once

#include <cstdint>

#include "neighbours/cell_view.h"

namespace mlip::cuda {

/// Pairs that may be edges (csrc/core/edges.h) and where their atoms are now.
struct Pairs {
  int64_t n_local, n_all;
  const int64_t *first;      ///< [n_local + 1]
  const int32_t *neighbour;  ///< [n_pairs]
  const int32_t *shifts;     ///< [n_pairs, 3], or null
  const double *positions;   ///< [n_all, 3]
  double cell[9];
  double cutoff_squared;
};

/// Edges, in the order of the pairs.
template <class T>
struct EdgeArrays {
  const int64_t *first_edge;    ///< [n_local + 1]
  int64_t *centre, *neighbour;  ///< [E]
  T *r_ij;                      ///< [E, 3]
  int32_t *edge_of_pair;        ///< [n_pairs], -1: beyond the cutoff
};

template <class T>
struct EdgeSums {
  int64_t n_local, n_all;
  const int64_t *first_edge;      ///< [n_local + 1]
  const int64_t *incoming;        ///< [n_pairs] pairs by neighbour, ascending for each
  const int64_t *first_incoming;  ///< [n_all + 1]
  const int32_t *edge_of_pair;    ///< [n_pairs]
  const T *r_ij, *gradients;      ///< [E, 3]
  double *forces;                 ///< [n_all, 3]
  double *centre_virials;         ///< [n_local, 6] of the edges of each centre
  double *virials;                ///< [n_all, 6] half of an edge's to each of its atoms; or null
  const T *moments;               ///< [E, 3, 3] first moments of the gradients; null: zero
  double *centroid_virials;       ///< [n_all, 9], or null
};

struct PairKernels {
  /// counts[i] = edges of centre i; fault[0] = 1 where some pair has no direction, else it is left as it is.
  void (*count_edges)(const Pairs &, int64_t *counts, int64_t *fault, void *stream);
  void (*fill_single)(const Pairs &, const EdgeArrays<float> &, void *stream);
  void (*fill_double)(const Pairs &, const EdgeArrays<double> &, void *stream);
  void (*sum_single)(const EdgeSums<float> &, void *stream);
  void (*sum_double)(const EdgeSums<double> &, void *stream);
  /// counts[i] = pairs of centre i in the grid.
  void (*count_pairs)(const CellView &, int64_t *counts, void *stream);
  void (*fill_pairs)(const CellView &, const int64_t *first, int32_t *neighbour, int32_t *shifts, void *stream);
};

/// Defined in cells.cu.
const PairKernels &pair_kernels();

template <class T>
void fill_edges(const Pairs &pairs, const EdgeArrays<T> &edges, void *stream);
template <class T>
void sum_edges(const EdgeSums<T> &sums, void *stream);
void count_edges(const Pairs &pairs, int64_t *counts, int64_t *fault, void *stream);

}  // namespace mlip::cuda
