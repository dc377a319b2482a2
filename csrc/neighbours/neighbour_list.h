// SPDX-License-Identifier: MIT
//
// The engine's neighbour list: candidates of a cell grid within cutoff + skin, filtered anew at every update.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/edges.h"
#include "mlip/mlip.h"
#include "neighbours/cell_grid.h"

namespace mlip {

/// Where atoms are: in this process's memory, or on a device.
class Positions {
 public:
  virtual ~Positions() = default;
  /// Whether all are finite and within `limit` (angstrom) of where they were at the last build, `built` [n][3].
  virtual bool near(const std::vector<double>& built, double limit) = 0;
  /// [n][3] in this process's memory.
  virtual const double* host() = 0;
};

/// Full list: every pair appears once from each side. Deterministic: edges are ordered by centre and, within one, as
/// the grid met them.
class NeighbourList {
 public:
  /// cutoff and skin in angstrom.
  NeighbourList(double cutoff, double skin);

  /// Edges with |r_ij| < cutoff; the arrays stay valid until the next update.
  mlip_edges update(int64_t n_atoms, const double* positions, const double* cell, const int* pbc);

  /// Pairs within cutoff + skin of where the atoms were at the last build, which hold all edges of these positions.
  PairView candidates(int64_t n_atoms, const double* positions, const double* cell, const int* pbc, ThreadTeam& team);

  /// The same with pairs that are kept elsewhere, by `keeper` (a number that is never used again; 1 is this list):
  /// calls `build` when they have to be found anew.
  void refresh(int64_t n_atoms, Positions& positions, const double* cell, const int* pbc, int64_t keeper,
               const std::function<void(const CellGrid&)>& build);

  /// [3][3], zero rows for open directions.
  const double* cell() const { return cell_.data(); }
  double cutoff() const { return cutoff_; }
  /// How often the candidates were rebuilt.
  int64_t builds() const { return builds_; }

 private:
  double cutoff_, skin_;
  int64_t builds_ = 0;
  int64_t keeper_ = 0;  // 0: there are no candidates

  // what the candidates were built from
  std::vector<double> positions_;
  std::array<double, 9> cell_{};
  std::array<int, 3> pbc_{};
  Candidates candidates_;
  Edges edges_{MLIP_FLOAT64};  // of the last update
};

/// Positions [n][3] of this process.
class HostPositions final : public Positions {
 public:
  HostPositions(int64_t n_atoms, const double* positions);
  bool near(const std::vector<double>& built, double limit) override;
  const double* host() override { return positions_; }

 private:
  const double* positions_;
};

}  // namespace mlip

/// The handle of the C interface.
struct mlip_neighbours {
  mlip::NeighbourList list;
};
