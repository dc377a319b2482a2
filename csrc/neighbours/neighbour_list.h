// SPDX-License-Identifier: MIT
//
// The engine's neighbour list: candidates of a cell grid within cutoff + skin, filtered anew at every update.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "mlip/mlip.h"
#include "neighbours/cell_grid.h"

namespace mlip {

/// Full list: every pair appears once from each side. Deterministic: edges are ordered by centre and, within one, as
/// the grid met them.
class NeighbourList {
 public:
  /// cutoff and skin in angstrom.
  NeighbourList(double cutoff, double skin);

  /// Edges with |r_ij| < cutoff; the arrays stay valid until the next update.
  mlip_edges update(int64_t n_atoms, const double* positions, const double* cell, const int* pbc);

  double cutoff() const { return cutoff_; }
  /// How often the candidates were rebuilt.
  int64_t builds() const { return builds_; }

 private:
  bool still_valid(int64_t n_atoms, const double* positions, const std::array<double, 9>& cell,
                   const std::array<int, 3>& pbc) const;
  void rebuild(int64_t n_atoms, const double* positions, const std::array<double, 9>& cell,
               const std::array<int, 3>& pbc);
  mlip_edges filter(const double* positions);

  double cutoff_, skin_;
  int64_t builds_ = 0;
  bool built_ = false;

  // what the candidates were built from
  std::vector<double> positions_;
  std::array<double, 9> cell_{};
  std::array<int, 3> pbc_{};
  Candidates candidates_;

  // edges of the last update; grown, never shrunk
  std::vector<int64_t> centre_, neighbour_;
  std::vector<int32_t> shifts_;
  std::vector<double> r_ij_;
};

}  // namespace mlip

/// The handle of the C interface.
struct mlip_neighbours {
  mlip::NeighbourList list;
};
