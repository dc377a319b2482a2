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
  fault_.clear();
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
      if (!(squared > 0.0 && std::isfinite(squared))) explain(atom, i, j);
      if (squared >= cutoff_squared) continue;
      centre_[n_edges_] = row;
      neighbour_[n_edges_] = row_of_atom_[j];
      n_edges_++;
    }
  }
}

/// The first pair that has no direction: which atom is to blame, or that two coincide.
void Graph::explain(Atom *atom, int i, int j) {
  if (!fault_.empty()) return;
  constexpr double FAR = 1.0e150;  // its square is no finite number
  const auto broken = [atom](int k) {
    const double *x = atom->x[k];
    return !(std::fabs(x[0]) < FAR && std::fabs(x[1]) < FAR && std::fabs(x[2]) < FAR);
  };
  const auto name = [atom](int k) { return atom->tag_enable ? std::to_string(atom->tag[k]) : std::string("(no ID)"); };
  if (broken(i) || broken(j))
    fault_ = "the position of atom " + name(broken(i) ? i : j) + " is not finite: the simulation is unstable";
  else
    fault_ = "atoms " + name(i) + " and " + name(j) + " are at the same place, where forces are undefined";
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
