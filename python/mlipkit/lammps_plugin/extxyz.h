// SPDX-License-Identifier: GPL-2.0-or-later
// Frames in extended XYZ, as training and quantum-chemistry codes read them.
#ifndef MLIP_LAMMPS_EXTXYZ_H
#define MLIP_LAMMPS_EXTXYZ_H

#include <string>

namespace LAMMPS_NS {
class LAMMPS;
class PairMLIP;

namespace MLIP {

struct Frame {
  std::string info;                // more of the comment line: key=value ...
  std::string column;              // name of the values; empty: none
  const double *values = nullptr;  // [rows][width]
  int width = 0;
};

/// Appends the atoms that the model handles, in the order of their IDs, with unwrapped positions. Collective; rank 0
/// writes, and a failure stops all ranks.
void append_frame(LAMMPS *lmp, const std::string &file, const PairMLIP &pair, const Frame &frame);

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
