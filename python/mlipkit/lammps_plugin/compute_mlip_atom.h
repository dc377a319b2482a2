/* -*- c++ -*- ----------------------------------------------------------
   SPDX-License-Identifier: GPL-2.0-or-later

   compute mlip/atom: a named output per atom of pair_style mlip.
------------------------------------------------------------------------- */

#ifdef COMPUTE_CLASS
// clang-format off
ComputeStyle(mlip/atom, ComputeMLIPAtom);
// clang-format on
#else

#ifndef LMP_COMPUTE_MLIP_ATOM_H
#define LMP_COMPUTE_MLIP_ATOM_H

#include "compute.h"
#include "output_source.h"

namespace LAMMPS_NS {

class ComputeMLIPAtom : public Compute {
 public:
  ComputeMLIPAtom(class LAMMPS *, int, char **);
  ~ComputeMLIPAtom() override;

  void init() override;
  void compute_peratom() override;
  double memory_usage() override;

 private:
  void clear();

  MLIP::OutputSource source_;
  int nmax_ = 0;
};

}  // namespace LAMMPS_NS

#endif
#endif
