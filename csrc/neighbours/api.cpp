// SPDX-License-Identifier: MIT
//
// The neighbour-list part of mlip.h.
#include "core/error.h"
#include "neighbours/neighbour_list.h"

using mlip::fail;
using mlip::guarded;

mlip_status mlip_neighbours_create(double cutoff, double skin, mlip_neighbours** neighbours) {
  return guarded([&] {
    if (neighbours == nullptr) fail(MLIP_ERROR_ARGUMENT, "mlip_neighbours_create: the result pointer is NULL");
    *neighbours = nullptr;
    *neighbours = new mlip_neighbours{mlip::NeighbourList(cutoff, skin)};
  });
}

void mlip_neighbours_destroy(mlip_neighbours* neighbours) {
  delete neighbours;
}

mlip_status mlip_neighbours_update(mlip_neighbours* neighbours, int64_t n_atoms, const double* positions,
                                   const double* cell, const int* pbc, mlip_edges* edges) {
  return guarded([&] {
    if (neighbours == nullptr || edges == nullptr)
      fail(MLIP_ERROR_ARGUMENT, "mlip_neighbours_update: the handle or the result pointer is NULL");
    *edges = neighbours->list.update(n_atoms, positions, cell, pbc);
  });
}

int64_t mlip_neighbours_builds(const mlip_neighbours* neighbours) {
  return neighbours == nullptr ? 0 : neighbours->list.builds();
}
