// SPDX-License-Identifier: GPL-2.0-or-later
#include "graph.h"

#include <algorithm>
#include <cmath>

#include "atom.h"
#include "neigh_list.h"
#include "neighbor.h"

namespace LAMMPS_NS::MLIP {

bool Graph::update(Atom *atom, const Neighbor *neighbor, const NeighList *list,
                   const std::vector<int> &species_of_type) {
  const size_t everyone = atom->nlocal + atom->nghost;
  // some fixes change types between two builds of the list
  if (made_ && neighbor->ago != 0 && neighbor->ncalls == builds_ && types_.size() == everyone &&
      std::equal(types_.begin(), types_.end(), atom->type))
    return false;
  types_.assign(atom->type, atom->type + everyone);
  builds_ = neighbor->ncalls;
  made_ = true;
  folded_ = false;
  cell_ = nullptr;
  map_rows(atom, list, species_of_type);
  // atoms may have moved since an older list was made, and pairs beyond the reach may come back within it
  collect_pairs(atom, list, neighbor->ago == 0 && neighbor->cutneighmax > reach_);
  return true;
}

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
    x_.resize(static_cast<size_t>(3) * everyone);
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

void Graph::collect_pairs(const Atom *atom, const NeighList *list, bool trim) {
  const auto far = [this, x = atom->x](int i, int j) {
    double squared = 0.0;
    for (int d = 0; d < 3; d++) squared += (x[j][d] - x[i][d]) * (x[j][d] - x[i][d]);
    return squared > reach_ * reach_;
  };
  first_.assign(1, 0);
  neighbour_.clear();
  for (int64_t row = 0; row < n_local_; row++) {
    const int i = atom_of_row_[row];
    for (int jj = 0; jj < list->numneigh[i]; jj++) {
      const int j = list->firstneigh[i][jj] & NEIGHMASK;  // the upper bits mark special bonds
      if (row_of_atom_[j] < 0 || (trim && far(i, j))) continue;
      neighbour_.push_back(row_of_atom_[j]);
    }
    first_.push_back(static_cast<int64_t>(neighbour_.size()));
  }
}

void Graph::fold(const Atom *atom, const Domain *domain, const std::vector<double> &owner) {
  std::vector<int> local(atom->nghost, -1);
  for (int64_t row = n_local_; row < n_all_; row++)
    local[atom_of_row_[row] - atom->nlocal] = atom_of_row_[static_cast<size_t>(owner[row])];
  images_.find(atom, domain, local);
  shifts_.assign(3 * neighbour_.size(), 0);
  for (size_t pair = 0; pair < neighbour_.size(); pair++) {
    const int row = neighbour_[pair];
    if (row < n_local_) continue;
    const Images::Shift &shift = images_.shift(atom_of_row_[row] - atom->nlocal);
    std::copy(shift.begin(), shift.end(), &shifts_[3 * pair]);
    neighbour_[pair] = static_cast<int32_t>(owner[row]);
  }
  for (int64_t row = n_local_; row < n_all_; row++) row_of_atom_[atom_of_row_[row]] = -1;
  n_all_ = n_local_;
  folded_ = true;
}

const double *Graph::cell(const Atom *atom, const Domain *domain) {
  cell_ = folded_ ? images_.cell(atom, domain, length_) : nullptr;
  return cell_;
}

const double *Graph::positions(Atom *atom) {
  double **x = atom->x;
  for (int64_t row = 0; row < n_all_; row++)
    for (int d = 0; d < 3; d++) x_[3 * row + d] = length_ * x[atom_of_row_[row]][d];
  return x_.data();
}

/// The first pair that has no direction: which atom is to blame, or that two coincide.
std::string Graph::fault(Atom *atom) const {
  constexpr double FAR = 1.0e150;    // its square is no finite number
  constexpr double CLOSE = 1.0e-12;  // square of what the engine calls the same place
  const auto broken = [this](int64_t row) {
    const double *x = &x_[3 * row];
    return !(std::fabs(x[0]) < FAR && std::fabs(x[1]) < FAR && std::fabs(x[2]) < FAR);
  };
  const auto name = [this, atom](int64_t row) {
    return atom->tag_enable ? std::to_string(atom->tag[atom_of_row_[row]]) : std::string("(no ID)");
  };
  for (int64_t i = 0; i < n_local_; i++)
    for (int64_t pair = first_[i]; pair < first_[i + 1]; pair++) {
      const int64_t j = neighbour_[pair];
      if (broken(i) || broken(j))
        return "the position of atom " + name(broken(i) ? i : j) + " is not finite: the simulation is unstable";
      double squared = 0.0;
      for (int d = 0; d < 3; d++) {
        double r = x_[3 * j + d] - x_[3 * i + d];
        for (int a = 0; folded_ && a < 3; a++) r += shifts_[3 * pair + a] * cell_[3 * a + d];
        squared += r * r;
      }
      if (squared < CLOSE)
        return "atoms " + name(i) + " and " + name(j) + " are at the same place, where forces are undefined";
    }
  return {};
}

mlip_pairs Graph::view() const {
  mlip_pairs pairs{};
  pairs.n_local = n_local_;
  pairs.n_all = n_all_;
  pairs.species = species_.data();
  pairs.first = first_.data();
  pairs.neighbour = neighbour_.data();
  pairs.shifts = folded_ ? shifts_.data() : nullptr;
  return pairs;
}

double Graph::memory_usage() const {
  return static_cast<double>(sizeof(int) * (types_.capacity() + row_of_atom_.capacity() + atom_of_row_.capacity()) +
                             sizeof(int32_t) * (neighbour_.capacity() + shifts_.capacity()) + images_.memory_usage() +
                             sizeof(int64_t) * (species_.capacity() + first_.capacity()) +
                             sizeof(double) * x_.capacity());
}

}  // namespace LAMMPS_NS::MLIP
