// SPDX-License-Identifier: GPL-2.0-or-later
#include "extxyz.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "model.h"
#include "pair_mlip.h"
#include "pointers.h"

namespace LAMMPS_NS::MLIP {
namespace {

constexpr int FIXED = 5;  // ID, element and position of each atom, in front of its values

std::vector<double> own_rows(LAMMPS *lmp, const PairMLIP &pair, const Frame &frame) {
  Atom *atom = lmp->atom;
  std::vector<double> rows;
  rows.reserve(pair.n_rows() * (FIXED + frame.width));
  for (int64_t row = 0; row < pair.n_rows(); row++) {
    const int i = pair.atom_of_row()[row];
    double x[3];
    lmp->domain->unmap(atom->x[i], atom->image[i], x);
    for (double &coordinate : x) coordinate *= pair.units().length;
    rows.push_back(atom->tag_enable ? static_cast<double>(atom->tag[i]) : 0.0);
    rows.push_back(pair.types().species[atom->type[i]]);
    rows.insert(rows.end(), x, x + 3);
    rows.insert(rows.end(), frame.values + row * frame.width, frame.values + (row + 1) * frame.width);
  }
  return rows;
}

/// Rows of all ranks, in the order of the ranks; empty on all but rank 0.
std::vector<double> gathered(LAMMPS *lmp, const std::vector<double> &mine) {
  const int ranks = lmp->comm->nprocs, n = static_cast<int>(mine.size());
  std::vector<int> counts(ranks), first(ranks, 0);
  MPI_Gather(&n, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, lmp->world);
  for (int rank = 1; rank < ranks; rank++) first[rank] = first[rank - 1] + counts[rank - 1];
  std::vector<double> all(lmp->comm->me == 0 ? first.back() + counts.back() : 0);
  MPI_Gatherv(mine.data(), n, MPI_DOUBLE, all.data(), counts.data(), first.data(), MPI_DOUBLE, 0, lmp->world);
  return all;
}

std::string header(LAMMPS *lmp, double length, const Frame &frame) {
  const Domain *box = lmp->domain;
  const double tilt[3] = {box->triclinic ? box->xy : 0.0, box->triclinic ? box->xz : 0.0,
                          box->triclinic ? box->yz : 0.0};
  const auto letter = [box](int d) { return box->periodicity[d] ? "T" : "F"; };
  const std::string column = frame.column.empty() ? "" : fmt::format(":{}:R:{}", frame.column, frame.width);
  return fmt::format(
      "Lattice=\"{:.10g} 0 0 {:.10g} {:.10g} 0 {:.10g} {:.10g} {:.10g}\" Properties=species:S:1:pos:R:3:id:I:1{} "
      "pbc=\"{} {} {}\"{}\n",
      length * box->xprd, length * tilt[0], length * box->yprd, length * tilt[1], length * tilt[2], length * box->zprd,
      column, letter(0), letter(1), letter(2), frame.info);
}

std::string text_of(LAMMPS *lmp, const PairMLIP &pair, const Frame &frame, const std::vector<double> &all) {
  const int stride = FIXED + frame.width;
  const size_t n = all.size() / stride;
  std::vector<const double *> rows(n);
  for (size_t k = 0; k < n; k++) rows[k] = &all[k * stride];
  std::stable_sort(rows.begin(), rows.end(), [](const double *a, const double *b) { return a[0] < b[0]; });
  std::string text = fmt::format("{}\n", n) + header(lmp, pair.units().length, frame);
  for (const double *row : rows) {
    text += fmt::format("{} {:.10f} {:.10f} {:.10f} {:.0f}", pair.types().elements[static_cast<int>(row[1])], row[2],
                        row[3], row[4], row[0]);
    for (int k = 0; k < frame.width; k++) text += fmt::format(" {:.10g}", row[FIXED + k]);
    text += "\n";
  }
  return text;
}

}  // namespace

void append_frame(LAMMPS *lmp, const std::string &file, const PairMLIP &pair, const Frame &frame) {
  const std::vector<double> all = gathered(lmp, own_rows(lmp, pair, frame));
  bool failed = false;
  if (lmp->comm->me == 0) {
    const std::string text = text_of(lmp, pair, frame, all);
    FILE *stream = std::fopen(file.c_str(), "a");
    failed = !stream || std::fwrite(text.data(), 1, text.size(), stream) != text.size();
    if (stream && std::fclose(stream) != 0) failed = true;
  }
  agree(lmp, FLERR, failed, "Fix mlip/watch cannot write " + file + ": is the folder there, the disk full?");
}

}  // namespace LAMMPS_NS::MLIP
