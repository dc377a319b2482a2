// SPDX-License-Identifier: GPL-2.0-or-later
// From LAMMPS's full neighbour list to the engine's graph. One index map serves NULL types, hybrid skips and the order
// of types: an atom that the model leaves alone has no row, and no edge leads to it.
#ifndef MLIP_LAMMPS_GRAPH_H
#define MLIP_LAMMPS_GRAPH_H

#include <cstdint>
#include <string>
#include <vector>

#include "mlip/mlip.h"

namespace LAMMPS_NS {
class Atom;
class NeighList;

namespace MLIP {

class Graph {
 public:
  /// Rows and edges of this step. `species_of_type` [ntypes+1] holds -1 for types that the model leaves alone;
  /// edges of `cutoff` and beyond are dropped.
  void build(Atom *atom, const NeighList *list, const std::vector<int> &species_of_type, double cutoff);

  mlip_graph view() const;
  int64_t n_local() const { return n_local_; }
  int64_t n_all() const { return n_all_; }
  /// Why the edges cannot be evaluated, with the IDs of the atoms; empty when they can.
  const std::string &fault() const { return fault_; }
  /// Row of each local or ghost atom, -1 for those without.
  const std::vector<int> &row_of_atom() const { return row_of_atom_; }
  /// Atom of each row: local rows first, in the order of the neighbour list.
  const std::vector<int> &atom_of_row() const { return atom_of_row_; }
  double memory_usage() const;

 private:
  void map_rows(Atom *atom, const NeighList *list, const std::vector<int> &species_of_type);
  void add_row(int atom, int species);
  void reserve_edges(const NeighList *list);
  void explain(Atom *atom, int i, int j);

  int64_t n_local_ = 0, n_all_ = 0, n_edges_ = 0;
  std::string fault_;
  // All of these only grow; the counts above say how much of them is in use.
  std::vector<int> row_of_atom_, atom_of_row_;
  std::vector<int64_t> species_, centre_, neighbour_;
  std::vector<double> r_ij_;
};

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
