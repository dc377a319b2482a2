// SPDX-License-Identifier: GPL-2.0-or-later
// What a LAMMPS deck can get wrong without LAMMPS noticing. Each check stops all ranks with what is wrong and the cure.
#ifndef MLIP_LAMMPS_CHECKS_H
#define MLIP_LAMMPS_CHECKS_H

namespace LAMMPS_NS {
class LAMMPS;

namespace MLIP {
struct TypeMap;

/// Masses (per type or per atom) within half a unit of the elements' standard masses [elements].
void check_masses(LAMMPS *lmp, const TypeMap &types, const double *standard);

/// Special bonds with both weights zero are missing from the neighbour list, and so from the model.
void check_special_bonds(LAMMPS *lmp, const TypeMap &types);

/// Ghosts must reach out to one cutoff + skin.
void check_comm_cutoff(LAMMPS *lmp, double cutoff);

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
