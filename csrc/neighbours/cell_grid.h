// SPDX-License-Identifier: MIT
//
// Candidate pairs by a cell list over periodic images: atoms are sorted into bins of the reduced cell, and every atom
// looks only into the bins that a sphere around its own bin can touch. Linear in the number of atoms at fixed density;
// when the cell is smaller than the cutoff, the bins of further images are visited instead.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/thread_team.h"
#include "neighbours/cell_view.h"
#include "neighbours/lattice.h"

namespace mlip {

/// Pairs within a radius and a little beyond it, grouped by centre in ascending order.
struct Candidates {
  std::vector<int64_t> first;                  // [n_atoms + 1] where the pairs of each centre begin
  std::vector<int32_t> neighbour;              // [n_pairs]
  std::vector<std::array<int32_t, 3>> shifts;  // [n_pairs] in terms of the caller's cell vectors
};

class CellGrid {
 public:
  /// positions [n_atoms][3], finite, need not be wrapped.
  CellGrid(const Lattice& lattice, int64_t n_atoms, const double* positions, double radius);

  /// Fills `candidates`, whose memory is reused. Storage grows with what is found: there is no maximum to exceed.
  /// The order does not depend on the number of threads.
  void collect(Candidates& candidates, ThreadTeam& team) const;

  /// The arrays of this grid, for those who collect elsewhere.
  CellView view() const;
  /// Throws where a shift might not fit into 32 bits.
  void check_shifts() const;

 private:
  void choose_bins(int64_t n_atoms, const Vector& extent);
  void build_steps();
  void build_stencil();
  void sort_atoms(int64_t n_atoms, const double* positions);
  void collect_range(int64_t begin, int64_t end, Candidates& candidates) const;
  void collect_bins(const CellView& v, int64_t centre, const CellRange& range, Candidates& candidates) const;
  int bin_of(const std::array<int, 3>& bin) const { return (bin[0] * n_bins_[1] + bin[1]) * n_bins_[2] + bin[2]; }
  std::array<int, 3> bin_at(const Vector& fractional) const;

  const Lattice& lattice_;
  double radius_;
  Vector origin_, extent_;  // fractional range covered by the bins
  std::array<int, 3> n_bins_, reach_;
  std::array<std::vector<CellStep>, 3> steps_;  // steps_[k][bin + offset + reach]
  std::vector<CellRow> stencil_;
  std::vector<int64_t> bin_first_;        // [bins + 1] where the atoms of each bin begin
  std::vector<std::array<int, 3>> bins_;  // [n_atoms] by index
  std::vector<int64_t> place_;            // [n_atoms] index -> place
  // By place: atoms sorted by bin, then by index.
  std::vector<Vector> position_;  // wrapped into the reduced cell
  std::vector<int64_t> index_;
  std::vector<std::array<int64_t, 3>> wrap_;  // the caller's cell vectors taken off
};

}  // namespace mlip
