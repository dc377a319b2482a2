// SPDX-License-Identifier: GPL-2.0-or-later
// The words of pair_style and pair_coeff, and which file the model was: what restart files hold of the pair style.
#ifndef MLIP_LAMMPS_COMMANDS_H
#define MLIP_LAMMPS_COMMANDS_H

#include <cstdio>
#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;

namespace MLIP {

struct Commands {
  std::vector<std::string> options;   // of pair_style
  std::string path;                   // of pair_coeff; empty before it was given
  std::vector<std::string> elements;  // one per type, NULL included
  std::string checksum;               // SHA-256 of the file when it was opened

  /// Rank 0 alone, into a binary restart file.
  void write(FILE *file) const;
  /// Collective; rank 0 reads.
  static Commands read(LAMMPS *lmp, FILE *file);

  /// Collective: stops all ranks unless the file at `path` is the one that the restart file was written with.
  void check_file(LAMMPS *lmp) const;
};

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
