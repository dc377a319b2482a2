// SPDX-License-Identifier: GPL-2.0-or-later
// LAMMPS's units and the engine's, which are eV and angstrom.
#ifndef MLIP_LAMMPS_UNITS_H
#define MLIP_LAMMPS_UNITS_H

namespace LAMMPS_NS {
class LAMMPS;

namespace MLIP {

struct Units {
  double energy = 1.0;  // eV, in LAMMPS's unit
  double length = 1.0;  // LAMMPS's unit, in angstrom

  /// eV/angstrom, in LAMMPS's unit.
  double force() const { return energy * length; }
};

/// Of the current unit style; stops when it does not describe atoms.
Units units_of(LAMMPS *lmp);

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
