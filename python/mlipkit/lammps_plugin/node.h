// SPDX-License-Identifier: GPL-2.0-or-later
// What the ranks of one machine share: its memory and its GPUs.
#ifndef MLIP_LAMMPS_NODE_H
#define MLIP_LAMMPS_NODE_H

#include <mpi.h>

#include <string>

#include "mlip/mlip.h"

namespace LAMMPS_NS {
class LAMMPS;

namespace MLIP {

class Node {
 public:
  /// Collective.
  explicit Node(LAMMPS *lmp);
  ~Node();
  Node(const Node &) = delete;
  Node &operator=(const Node &) = delete;

  /// `cuda` becomes the GPU that this rank takes where the machine has several: they take turns. Others stay.
  std::string device(const std::string &wanted) const;
  /// Prints what an evaluation will need on the fullest machine and what is free there; a warning where it is too much.
  /// Collective.
  void report_memory(mlip_model *model, const mlip_size &size, bool on_gpu) const;

 private:
  LAMMPS *lmp_;
  MPI_Comm ranks_;
  int me_ = 0;
};

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
