// SPDX-License-Identifier: GPL-2.0-or-later
#include "compute_mlip_global.h"

#include <algorithm>

#include "update.h"

using namespace LAMMPS_NS;

/* ----------------------------------------------------------------------
   compute ID group mlip/global NAME keyword value ...
------------------------------------------------------------------------- */

ComputeMLIPGlobal::ComputeMLIPGlobal(LAMMPS *lmp, int narg, char **arg)
    : Compute(lmp, narg, arg), source_(lmp, "Compute mlip/global", MLIP::OutputSource::STRUCTURE) {
  source_.read(narg - 3, arg + 3);
  timeflag = 1;  // the pair style sees in which steps the output is wanted
  if (source_.width() == 1) {
    scalar_flag = 1;
    extscalar = 0;
  } else {
    vector_flag = 1;
    extvector = 0;
    size_vector = source_.width();
    values_.resize(size_vector);
    vector = values_.data();
  }
}

void ComputeMLIPGlobal::init() {
  source_.init();
}

double ComputeMLIPGlobal::compute_scalar() {
  invoked_scalar = update->ntimestep;
  scalar = source_.values()[0];
  return scalar;
}

void ComputeMLIPGlobal::compute_vector() {
  invoked_vector = update->ntimestep;
  std::copy_n(source_.values(), size_vector, vector);
}
