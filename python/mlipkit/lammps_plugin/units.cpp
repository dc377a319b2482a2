// SPDX-License-Identifier: GPL-2.0-or-later
#include "units.h"

#include <string>

#include "error.h"
#include "pointers.h"
#include "update.h"

namespace LAMMPS_NS::MLIP {
namespace {

// CODATA 2022
constexpr double HARTREE = 27.211386245981;  // eV
constexpr double BOHR = 0.529177210544;      // angstrom

}  // namespace

Units units_of(LAMMPS *lmp) {
  const std::string style = lmp->update->unit_style;
  if (style == "real") return {utils::get_conversion_factor(utils::ENERGY, utils::METAL2REAL), 1.0};
  if (style == "electron") return {1.0 / HARTREE, BOHR};
  const char *reason = style == "lj" ? "reduced units have neither, so that the model's eV and angstrom mean nothing"
                                     : "it measures masses in units of other scales than the atomic mass unit";
  if (style != "metal")
    lmp->error->all(
        FLERR,
        "Pair style mlip needs units of fixed energy and length for atoms, metal, real or electron, not {}: "
        "{}; convert the data and use units metal",
        style, reason);
  return {};
}

}  // namespace LAMMPS_NS::MLIP
