/* -*- c++ -*- ----------------------------------------------------------
   SPDX-License-Identifier: GPL-2.0-or-later

   compute mlip/global: a named output of the structure of pair_style mlip.
------------------------------------------------------------------------- */

#ifdef COMPUTE_CLASS
// clang-format off
ComputeStyle(mlip/global, ComputeMLIPGlobal);
// clang-format on
#else

#ifndef LMP_COMPUTE_MLIP_GLOBAL_H
#define LMP_COMPUTE_MLIP_GLOBAL_H

#include <vector>

#include "compute.h"
#include "output_source.h"

namespace LAMMPS_NS {

class ComputeMLIPGlobal : public Compute {
 public:
  ComputeMLIPGlobal(class LAMMPS *, int, char **);

  void init() override;
  double compute_scalar() override;
  void compute_vector() override;

 private:
  MLIP::OutputSource source_;
  std::vector<double> values_;
};

}  // namespace LAMMPS_NS

#endif
#endif
