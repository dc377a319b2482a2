// SPDX-License-Identifier: GPL-2.0-or-later
// From LAMMPS's full neighbour list to the engine's pairs. One index map serves NULL types, hybrid skips and the order
// of types: an atom that the model leaves alone has no row, and no pair leads to it. Rows and pairs stay until LAMMPS
// rebuilds its list; a step sends positions only.
#ifndef MLIP_LAMMPS_GRAPH_H
#define MLIP_LAMMPS_GRAPH_H

#include <cstdint>
#include <string>
#include <vector>

#include "images.h"
#include "lmptype.h"
#include "mlip/mlip.h"

namespace LAMMPS_NS {
class Atom;
class Domain;
class NeighList;
class Neighbor;

namespace MLIP {

class Graph {
 public:
  /// Makes rows and pairs anew where LAMMPS's list was rebuilt or types have changed since the last call, and says
  /// whether it did. `species_of_type` [ntypes+1] holds -1 for types that the model leaves alone.
  bool update(Atom *atom, const Neighbor *neighbor, const NeighList *list, const std::vector<int> &species_of_type);
  /// On one rank, after an update that made everything anew: pairs lead to the local atom of which a ghost is the
  /// image, and ghosts lose their rows. `owner` [n_all] has the row of that atom.
  void fold(const Atom *atom, const Domain *domain, const std::vector<double> &owner);
  /// The next update makes everything anew.
  void forget() { made_ = false; }
  /// LAMMPS's unit of length, in angstrom.
  void set_length(double length) { length_ = length; }
  /// Cutoff plus skin: where another style of a hybrid reaches further, LAMMPS's list does too, and pairs beyond are
  /// left out when it was rebuilt.
  void set_reach(double reach) { reach_ = reach; }
  /// Positions of all rows, of this step, in angstrom.
  const double *positions(Atom *atom);
  /// Box vectors [3][3] of this step, in angstrom; null where ghosts have rows.
  const double *cell(const Atom *atom, const Domain *domain);

  mlip_pairs view() const;
  int64_t n_local() const { return n_local_; }
  int64_t n_all() const { return n_all_; }
  /// Why the positions last asked for cannot be evaluated, with the IDs of the atoms; empty when they can.
  std::string fault(Atom *atom) const;
  /// Row of each local or ghost atom, -1 for those without.
  const std::vector<int> &row_of_atom() const { return row_of_atom_; }
  /// Atom of each row: local rows first, in the order of the neighbour list.
  const std::vector<int> &atom_of_row() const { return atom_of_row_; }
  double memory_usage() const;

 private:
  void map_rows(Atom *atom, const NeighList *list, const std::vector<int> &species_of_type);
  void add_row(int atom, int species);
  void collect_pairs(const Atom *atom, const NeighList *list, bool trim);

  int64_t n_local_ = 0, n_all_ = 0;
  bool made_ = false, folded_ = false;
  double length_ = 1.0, reach_ = 0.0;
  bigint builds_ = 0;
  std::vector<int> types_;  // of all atoms, ghosts included, when rows and pairs were made
  // All of these only grow; the counts above say how much of them is in use.
  std::vector<int> row_of_atom_, atom_of_row_;
  std::vector<int64_t> species_, first_;
  std::vector<int32_t> neighbour_, shifts_;  // [P], [P][3]
  std::vector<double> x_;
  Images images_;
  const double *cell_ = nullptr;
};

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
