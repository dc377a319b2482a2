// SPDX-License-Identifier: GPL-2.0-or-later
// Which element each atom type stands for.
#ifndef MLIP_LAMMPS_TYPES_H
#define MLIP_LAMMPS_TYPES_H

#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;

namespace MLIP {

struct TypeMap {
  std::vector<std::string> elements;  // in use, each once
  std::vector<int> species;           // [ntypes+1] index into elements, -1 for NULL

  bool handles(int type) const { return species[type] >= 0; }
  const std::string &element(int type) const { return elements[species[type]]; }
};

/// From pair_coeff's names, one per type; stops where they are too few, too many, or all NULL.
TypeMap map_types(LAMMPS *lmp, const std::vector<std::string> &names);

/// Rank 0 prints type, element, mass and number of atoms. Collective.
void print_types(LAMMPS *lmp, const TypeMap &types);

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
