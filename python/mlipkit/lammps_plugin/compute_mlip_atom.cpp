// SPDX-License-Identifier: GPL-2.0-or-later
#include "compute_mlip_atom.h"

#include "atom.h"
#include "memory.h"
#include "pair_mlip.h"
#include "update.h"

using namespace LAMMPS_NS;

/* ----------------------------------------------------------------------
   compute ID group mlip/atom NAME keyword value ...
------------------------------------------------------------------------- */

ComputeMLIPAtom::ComputeMLIPAtom(LAMMPS *lmp, int narg, char **arg)
    : Compute(lmp, narg, arg), source_(lmp, "Compute mlip/atom", MLIP::OutputSource::ATOM) {
  source_.read(narg - 3, arg + 3);
  peratom_flag = 1;
  size_peratom_cols = source_.width() > 1 ? source_.width() : 0;
  timeflag = 1;  // the pair style sees in which steps the output is wanted
}

ComputeMLIPAtom::~ComputeMLIPAtom() {
  clear();
}

void ComputeMLIPAtom::clear() {
  memory->destroy(vector_atom);
  memory->destroy(array_atom);
}

void ComputeMLIPAtom::init() {
  source_.init();
}

/* ----------------------------------------------------------------------
   zero for atoms outside of the group and those the model leaves alone
------------------------------------------------------------------------- */

void ComputeMLIPAtom::compute_peratom() {
  invoked_peratom = update->ntimestep;
  const int width = source_.width();
  if (atom->nmax > nmax_) {
    clear();
    nmax_ = atom->nmax;
    if (width > 1)
      memory->create(array_atom, nmax_, width, "mlip/atom:array_atom");
    else
      memory->create(vector_atom, nmax_, "mlip/atom:vector_atom");
  }
  double *const first = width > 1 ? (nmax_ > 0 ? array_atom[0] : nullptr) : vector_atom;
  for (bigint k = 0; k < static_cast<bigint>(atom->nlocal) * width; k++) first[k] = 0.0;

  const double *values = source_.values();
  const std::vector<int> &atoms = source_.pair()->atom_of_row();
  for (int64_t row = 0; row < source_.pair()->n_rows(); row++) {
    const int i = atoms[row];
    if (!(atom->mask[i] & groupbit)) continue;
    for (int k = 0; k < width; k++) first[static_cast<bigint>(i) * width + k] = values[row * width + k];
  }
}

double ComputeMLIPAtom::memory_usage() {
  return static_cast<double>(sizeof(double)) * nmax_ * source_.width();
}
