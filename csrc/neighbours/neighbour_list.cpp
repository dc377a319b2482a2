// SPDX-License-Identifier: MIT
#include "neighbours/neighbour_list.h"

#include <cmath>

#include "core/error.h"

namespace mlip {
namespace {

// Nothing is that close; wrapped copies of one position differ by rounding only.
constexpr double kSamePlace = 1e-6;

void check_positions(int64_t n_atoms, const double* positions) {
  for (int64_t i = 0; i < 3 * n_atoms; ++i)
    if (!std::isfinite(positions[i]))
      fail(MLIP_ERROR_NUMERIC, "the position of atom ", i / 3,
           " is not finite (NaN or infinity); the simulation is unstable or its input is broken");
}

}  // namespace

NeighbourList::NeighbourList(double cutoff, double skin) : cutoff_(cutoff), skin_(skin) {
  if (!(std::isfinite(cutoff) && cutoff > 0.0))
    fail(MLIP_ERROR_ARGUMENT, "the cutoff of a neighbour list must be positive and finite, not ", cutoff, " angstrom");
  if (!(std::isfinite(skin) && skin >= 0.0))
    fail(MLIP_ERROR_ARGUMENT, "the skin of a neighbour list must be zero or positive, not ", skin, " angstrom");
}

mlip_edges NeighbourList::update(int64_t n_atoms, const double* positions, const double* cell, const int* pbc) {
  if (n_atoms < 0) fail(MLIP_ERROR_ARGUMENT, "the number of atoms is negative (", n_atoms, ")");
  if (n_atoms > 0 && positions == nullptr) fail(MLIP_ERROR_ARGUMENT, "no positions were given for ", n_atoms, " atoms");
  check_positions(n_atoms, positions);
  std::array<int, 3> periodic{};
  std::array<double, 9> vectors{};  // zero rows for open directions: they are never read
  for (int k = 0; k < 3; ++k) {
    periodic[k] = pbc != nullptr && pbc[k] != 0;
    if (!periodic[k]) continue;
    if (cell == nullptr) fail(MLIP_ERROR_ARGUMENT, "periodic boundaries need a cell; none was given");
    for (int a = 0; a < 3; ++a) vectors[3 * k + a] = cell[3 * k + a];
  }
  if (!still_valid(n_atoms, positions, vectors, periodic)) rebuild(n_atoms, positions, vectors, periodic);
  return filter(positions);
}

bool NeighbourList::still_valid(int64_t n_atoms, const double* positions, const std::array<double, 9>& cell,
                                const std::array<int, 3>& pbc) const {
  if (!built_ || positions_.size() != static_cast<size_t>(3 * n_atoms) || cell != cell_ || pbc != pbc_) return false;
  const double limit = 0.25 * skin_ * skin_;
  for (int64_t i = 0; i < n_atoms; ++i) {
    double moved = 0.0;
    for (int a = 0; a < 3; ++a) {
      const double d = positions[3 * i + a] - positions_[3 * i + a];
      moved += d * d;
    }
    if (moved > limit) return false;
  }
  return true;
}

void NeighbourList::rebuild(int64_t n_atoms, const double* positions, const std::array<double, 9>& cell,
                            const std::array<int, 3>& pbc) {
  built_ = false;  // stays so when something below throws
  const Lattice lattice(cell.data(), pbc.data());
  CellGrid(lattice, n_atoms, positions, cutoff_ + skin_).collect(candidates_);
  if (n_atoms > 0)
    positions_.assign(positions, positions + 3 * n_atoms);
  else
    positions_.clear();
  cell_ = cell;
  pbc_ = pbc;
  built_ = true;
  ++builds_;
}

mlip_edges NeighbourList::filter(const double* positions) {
  const size_t n_candidates = candidates_.neighbour.size();
  if (centre_.size() < n_candidates) {
    centre_.resize(n_candidates);
    neighbour_.resize(n_candidates);
    shifts_.resize(3 * n_candidates);
    r_ij_.resize(3 * n_candidates);
  }
  int64_t n = 0;
  const int64_t n_atoms = static_cast<int64_t>(candidates_.first.size()) - 1;
  for (int64_t i = 0; i < n_atoms; ++i) {
    const double* xi = positions + 3 * i;
    for (int64_t c = candidates_.first[i]; c < candidates_.first[i + 1]; ++c) {
      const int64_t j = candidates_.neighbour[c];
      const double* xj = positions + 3 * j;
      const std::array<int32_t, 3>& s = candidates_.shifts[c];
      double r[3], square = 0.0;
      for (int a = 0; a < 3; ++a) {
        r[a] = xj[a] - xi[a] + (s[0] * cell_[a] + s[1] * cell_[3 + a] + s[2] * cell_[6 + a]);
        square += r[a] * r[a];
      }
      if (!(square < cutoff_ * cutoff_)) continue;
      if (square < kSamePlace * kSamePlace)
        fail(MLIP_ERROR_ARGUMENT, "atoms ", i, " and ", j,
             " are at the same place: forces are undefined there; remove one or move them apart");
      centre_[n] = i;
      neighbour_[n] = j;
      for (int a = 0; a < 3; ++a) {
        shifts_[3 * n + a] = s[a];
        r_ij_[3 * n + a] = r[a];
      }
      ++n;
    }
  }
  return {n, centre_.data(), neighbour_.data(), shifts_.data(), r_ij_.data()};
}

}  // namespace mlip
