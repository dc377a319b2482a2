// SPDX-License-Identifier: GPL-2.0-or-later
#include "graph.h"

#include <cmath>

#include "atom.h"
#include "neigh_list.h"

namespace LAMMPS_NS::MLIP {

void Graph::add_row(int atom, int species) {
  row_of_atom_[atom] = static_cast<int>(n_all_);
  atom_of_row_[n_all_] = atom;
  species_[n_all_] = species;
  n_all_++;
}

void Graph::map_rows(Atom *atom, const NeighList *list, const std::vector<int> &species_of_type) {
  const int everyone = atom->nlocal + atom->nghost;
  row_of_atom_.assign(everyone, -1);
  if (static_cast<int>(atom_of_row_.size()) < everyone) {
    atom_of_row_.resize(everyone);
    species_.resize(everyone);
  }
  n_all_ = 0;
  for (int ii = 0; ii < list->inum; ii++) {
    const int i = list->ilist[ii];
    const int species = species_of_type[atom->type[i]];
    if (species >= 0) add_row(i, species);
  }
  n_local_ = n_all_;
  // Ghosts without an edge keep their row: with several swaps they pass features on to the next rank.
  for (int j = atom->nlocal; j < everyone; j++) {
    const int species = species_of_type[atom->type[j]];
    if (species >= 0) add_row(j, species);
  }
}

void Graph::reserve_edges(const NeighList *list) {
  size_t most = 0;
  for (int ii = 0; ii < list->inum; ii++) most += list->numneigh[list->ilist[ii]];
  if (centre_.size() < most) {
    centre_.resize(most);
    neighbour_.resize(most);
    r_ij_.resize(3 * most);
  }
}

void Graph::build(Atom *atom, const NeighList *list, const std::vector<int> &species_of_type, double cutoff) {
  map_rows(atom, list, species_of_type);
  reserve_edges(list);
  n_edges_ = 0;
  finite_ = true;
  const double cutoff_squared = cutoff * cutoff;
  double **x = atom->x;
  for (int64_t row = 0; row < n_local_; row++) {
    const int i = atom_of_row_[row];
    const int *neighbours = list->firstneigh[i];
    for (int jj = 0; jj < list->numneigh[i]; jj++) {
      const int j = neighbours[jj] & NEIGHMASK;  // the upper bits mark special bonds
      if (row_of_atom_[j] < 0) continue;
      double *r = &r_ij_[3 * n_edges_];
      for (int d = 0; d < 3; d++) r[d] = x[j][d] - x[i][d];
      const double squared = r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
      if (!std::isfinite(squared)) finite_ = false;
      if (squared >= cutoff_squared) continue;
      centre_[n_edges_] = row;
      neighbour_[n_edges_] = row_of_atom_[j];
      n_edges_++;
    }
  }
}

mlip_graph Graph::view() const {
  mlip_graph graph{};
  graph.n_local = n_local_;
  graph.n_all = n_all_;
  graph.species = species_.data();
  graph.n_edges = n_edges_;
  graph.centre = centre_.data();
  graph.neighbour = neighbour_.data();
  graph.r_ij = r_ij_.data();
  return graph;
}

double Graph::memory_usage() const {
  return static_cast<double>(sizeof(int) * (row_of_atom_.capacity() + atom_of_row_.capacity()) +
                             sizeof(int64_t) * (species_.capacity() + centre_.capacity() + neighbour_.capacity()) +
                             sizeof(double) * r_ij_.capacity());
}

}  // namespace LAMMPS_NS::MLIP
