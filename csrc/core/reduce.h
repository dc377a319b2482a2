// SPDX-License-Identifier: MIT
//
// From the gradient g = dE/dr_ij of every edge to forces and virials (docs/theory.md), in float64 whatever the type of
// the edges. Each thread sums its edges in their order, and what threads found is added in the order of the threads:
// the same input on the same number of threads gives the same bits.
//
//   F_neighbour -= g,  F_centre += g,  W = -sum r_ij (x) g,  and half of an edge's share of W to each of its atoms.
//
// Components of W: xx yy zz xy xz yz. Its off-diagonal parts are symmetrised edge by edge: the model is invariant
// under rotations, so the antisymmetric part sums to zero. Centroid virials are another split of W, which needs the
// first moments of the gradients besides.
#pragma once

#include <cstdint>

#include "core/buffer.h"
#include "core/edges.h"
#include "core/thread_team.h"
#include "mlip/mlip.h"

namespace mlip {

/// Where sums go; all are overwritten.
struct Sums {
  double* forces;   // [n_all][3]
  double* virial;   // [6]
  double* virials;  // [n_all][6]; may be null
};

class Reducer {
 public:
  explicit Reducer(mlip_dtype type) : type_(type) {}

  /// `gradients` [n_edges][3], of the type of the edges.
  void reduce(const EdgeView& edges, const void* gradients, int64_t n_all, const Sums& sums, ThreadTeam& team);

  /// `moments` [n_edges][3][3] (BackendResult), of the type of the edges, null: zero; `centroid_virials` [n_all][9] is
  /// overwritten.
  void reduce_centroids(const EdgeView& edges, const void* gradients, const void* moments, int64_t n_all,
                        double* centroid_virials, ThreadTeam& team);

 private:
  mlip_dtype type_;
  Buffer<double> forces_, virials_, centroid_virials_;  // what the threads after the first found
};

}  // namespace mlip
