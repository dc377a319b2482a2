// SPDX-License-Identifier: MIT
#include "core/reduce.h"

#include <algorithm>
#include <array>

namespace mlip {
namespace {

std::array<double, 6> edge_virial(const double* r, const double* g) {
  return {-r[0] * g[0],
          -r[1] * g[1],
          -r[2] * g[2],
          -0.5 * (r[0] * g[1] + r[1] * g[0]),
          -0.5 * (r[0] * g[2] + r[2] * g[0]),
          -0.5 * (r[1] * g[2] + r[2] * g[1])};
}

}  // namespace

void reduce_forces(const EdgeView& edges, int64_t n_all, double* forces) {
  std::fill(forces, forces + 3 * n_all, 0.0);
  for (int64_t e = 0; e < edges.n_edges; ++e) {
    const double* g = edges.gradients + 3 * e;
    double *centre = forces + 3 * edges.centre[e], *neighbour = forces + 3 * edges.neighbour[e];
    for (int a = 0; a < 3; ++a) {
      centre[a] += g[a];
      neighbour[a] -= g[a];
    }
  }
}

void reduce_virial(const EdgeView& edges, double* virial) {
  std::fill(virial, virial + 6, 0.0);
  for (int64_t e = 0; e < edges.n_edges; ++e) {
    const std::array<double, 6> w = edge_virial(edges.r_ij + 3 * e, edges.gradients + 3 * e);
    for (int k = 0; k < 6; ++k) virial[k] += w[k];
  }
}

void reduce_virials(const EdgeView& edges, int64_t n_all, double* virials) {
  std::fill(virials, virials + 6 * n_all, 0.0);
  for (int64_t e = 0; e < edges.n_edges; ++e) {
    const std::array<double, 6> w = edge_virial(edges.r_ij + 3 * e, edges.gradients + 3 * e);
    double *centre = virials + 6 * edges.centre[e], *neighbour = virials + 6 * edges.neighbour[e];
    for (int k = 0; k < 6; ++k) {
      centre[k] += 0.5 * w[k];
      neighbour[k] += 0.5 * w[k];
    }
  }
}

}  // namespace mlip
