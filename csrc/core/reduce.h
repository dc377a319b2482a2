// SPDX-License-Identifier: MIT
//
// From the gradient g = dE/dr_ij of every edge to forces and virials (docs/theory.md). Sums run over the edges in
// their order, in float64: the same input gives the same bits.
//
//   F_neighbour -= g,  F_centre += g,  W = -sum r_ij (x) g,  and half of an edge's share of W to each of its atoms.
//
// Components of W: xx yy zz xy xz yz. Its off-diagonal parts are symmetrised edge by edge: the model is invariant
// under rotations, so the antisymmetric part sums to zero.
#pragma once

#include <cstdint>

namespace mlip {

struct EdgeView {
  int64_t n_edges;
  const int64_t *centre, *neighbour;  // [n_edges]
  const double *r_ij, *gradients;     // [n_edges][3]
};

void reduce_forces(const EdgeView& edges, int64_t n_all, double* forces);
void reduce_virial(const EdgeView& edges, double* virial);
void reduce_virials(const EdgeView& edges, int64_t n_all, double* virials);

}  // namespace mlip
