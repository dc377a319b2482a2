// SPDX-License-Identifier: MIT
#include "neighbours/neighbour_list.h"

#include <cmath>
#include <limits>

#include "core/error.h"

namespace mlip {
namespace {

void check_positions(int64_t n_atoms, const double* positions) {
  for (int64_t i = 0; i < 3 * n_atoms; ++i)
    if (!std::isfinite(positions[i]))
      fail(MLIP_ERROR_NUMERIC, "the position of atom ", i / 3,
           " is not finite (NaN or infinity); the simulation is unstable or its input is broken");
}

}  // namespace

HostPositions::HostPositions(int64_t n_atoms, const double* positions) : positions_(positions) {
  if (n_atoms > 0 && positions == nullptr) fail(MLIP_ERROR_ARGUMENT, "no positions were given for ", n_atoms, " atoms");
}

bool HostPositions::near(const std::vector<double>& built, double limit) {
  for (size_t k = 0; k < built.size(); k += 3) {
    double moved = 0.0;
    for (size_t a = k; a < k + 3; ++a) {
      const double d = positions_[a] - built[a];
      moved += d * d;
    }
    if (!(moved <= limit * limit)) return false;
  }
  return true;
}

NeighbourList::NeighbourList(double cutoff, double skin) : cutoff_(cutoff), skin_(skin) {
  if (!(std::isfinite(cutoff) && cutoff > 0.0))
    fail(MLIP_ERROR_ARGUMENT, "the cutoff of a neighbour list must be positive and finite, not ", cutoff, " angstrom");
  if (!(std::isfinite(skin) && skin >= 0.0))
    fail(MLIP_ERROR_ARGUMENT, "the skin of a neighbour list must be zero or positive, not ", skin, " angstrom");
}

mlip_edges NeighbourList::update(int64_t n_atoms, const double* positions, const double* cell, const int* pbc) {
  ThreadTeam alone;
  const PairView pairs = candidates(n_atoms, positions, cell, pbc, alone);
  edges_.keep_shifts();
  if (const Fault fault = edges_.filter(pairs, positions, cell_.data(), cutoff_, alone))
    throw Error(fault.status, fault.message);
  const EdgeView& view = edges_.view();
  return {view.n_edges, view.centre, view.neighbour, edges_.shifts(), static_cast<const double*>(view.r_ij)};
}

PairView NeighbourList::candidates(int64_t n_atoms, const double* positions, const double* cell, const int* pbc,
                                   ThreadTeam& team) {
  HostPositions given(n_atoms, positions);
  refresh(n_atoms, given, cell, pbc, 1, [&](const CellGrid& grid) { grid.collect(candidates_, team); });
  const int32_t* shifts = candidates_.shifts.empty() ? nullptr : candidates_.shifts.front().data();
  return {n_atoms, n_atoms, candidates_.first.data(), candidates_.neighbour.data(), shifts};
}

void NeighbourList::refresh(int64_t n_atoms, Positions& positions, const double* cell, const int* pbc, int64_t keeper,
                            const std::function<void(const CellGrid&)>& build) {
  if (n_atoms < 0 || n_atoms > std::numeric_limits<int32_t>::max())
    fail(MLIP_ERROR_ARGUMENT, "the number of atoms is negative or too large (", n_atoms, ")");
  std::array<int, 3> periodic{};
  std::array<double, 9> vectors{};  // zero rows for open directions: they are never read
  for (int k = 0; k < 3; ++k) {
    periodic[k] = pbc != nullptr && pbc[k] != 0;
    if (!periodic[k]) continue;
    if (cell == nullptr) fail(MLIP_ERROR_ARGUMENT, "periodic boundaries need a cell; none was given");
    for (int a = 0; a < 3; ++a) vectors[3 * k + a] = cell[3 * k + a];
  }
  const bool same = positions_.size() == static_cast<size_t>(3 * n_atoms) && vectors == cell_ && periodic == pbc_;
  if (keeper_ == keeper && same && positions.near(positions_, 0.5 * skin_)) return;
  keeper_ = 0;  // stays so when something below throws
  const double* places = positions.host();
  check_positions(n_atoms, places);
  const Lattice lattice(vectors.data(), periodic.data());
  build(CellGrid(lattice, n_atoms, places, cutoff_ + skin_));
  positions_.assign(places, places + 3 * n_atoms);
  cell_ = vectors;
  pbc_ = periodic;
  keeper_ = keeper;
  ++builds_;
}

}  // namespace mlip
