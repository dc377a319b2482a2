// SPDX-License-Identifier: GPL-2.0-or-later
// What a LAMMPS deck can get wrong without LAMMPS noticing. Each check stops all ranks with what is wrong and the cure.
#ifndef MLIP_LAMMPS_CHECKS_H
#define MLIP_LAMMPS_CHECKS_H

#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;

namespace MLIP {

/// Which element each atom type stands for, in the order of pair_coeff.
struct TypeMap {
  std::vector<std::string> elements;  // in use, each once
  std::vector<int> species;           // [ntypes+1] index into elements, -1 for NULL

  bool handles(int type) const { return species[type] >= 0; }
  const std::string &element(int type) const { return elements[species[type]]; }
};

/// eV in LAMMPS's energy unit; stops when the unit style has none that is fixed.
double energy_unit(LAMMPS *lmp);

/// Masses (per type or per atom) within half a unit of the elements' standard masses [elements].
void check_masses(LAMMPS *lmp, const TypeMap &types, const double *standard);

/// Special bonds with both weights zero are missing from the neighbour list, and so from the model.
void check_special_bonds(LAMMPS *lmp, const TypeMap &types);

/// Ghosts must reach out to one cutoff + skin.
void check_comm_cutoff(LAMMPS *lmp, double cutoff);

/// Rank 0 prints type, element, mass and number of atoms. Collective.
void print_types(LAMMPS *lmp, const TypeMap &types);

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
