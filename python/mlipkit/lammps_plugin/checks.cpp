// SPDX-License-Identifier: GPL-2.0-or-later
#include "checks.h"

#include <cmath>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "model.h"
#include "neighbor.h"
#include "pointers.h"
#include "types.h"

namespace LAMMPS_NS::MLIP {
namespace {

constexpr double MASS_TOLERANCE = 0.5;  // u; isotopes other than hydrogen's differ from the standard mass by about 1

std::string mass_message(int type, const std::string &found, const std::string &element, double expected) {
  return fmt::format(
      "Pair style mlip: atom type {} is {} in pair_coeff, but has mass {} where {:.4f} is expected; correct the order "
      "of the elements or the mass, or give `mass_check no` in pair_style when the mass is meant (isotopes)",
      type, element, found, expected);
}

}  // namespace

void check_masses(LAMMPS *lmp, const TypeMap &types, const double *standard) {
  Atom *atom = lmp->atom;
  const auto wrong = [&](int type, double mass) {
    return types.handles(type) && std::fabs(mass - standard[types.species[type]]) > MASS_TOLERANCE;
  };
  std::string message;
  if (atom->rmass) {
    for (int i = 0; i < atom->nlocal && message.empty(); i++) {
      const int type = atom->type[i];
      if (wrong(type, atom->rmass[i]))
        message = mass_message(type, fmt::format("{:.4f} (atom {})", atom->rmass[i], atom->tag ? atom->tag[i] : 0),
                               types.element(type), standard[types.species[type]]);
    }
  } else if (atom->mass) {
    for (int type = 1; type <= atom->ntypes && message.empty(); type++)
      if (atom->mass_setflag[type] && wrong(type, atom->mass[type]))
        message = mass_message(type, fmt::format("{:.4f}", atom->mass[type]), types.element(type),
                               standard[types.species[type]]);
  }
  agree(lmp, FLERR, !message.empty(), message);
}

/* ---------------------------------------------------------------------- */

void check_special_bonds(LAMMPS *lmp, const TypeMap &types) {
  Atom *atom = lmp->atom;
  Force *force = lmp->force;
  // A kspace style keeps every special pair in the list.
  if (atom->molecular == Atom::ATOMIC || force->kspace) return;

  std::string message;
  for (int level = 1; level <= 3 && message.empty(); level++) {
    if (force->special_lj[level] != 0.0 || force->special_coul[level] != 0.0) continue;
    for (int i = 0; i < atom->nlocal && message.empty(); i++) {
      if (!types.handles(atom->type[i])) continue;
      // In template systems the bonds are not stored with the atoms: assume that there are some.
      const int *counts = atom->molecular == Atom::MOLECULAR ? atom->nspecial[i] : nullptr;
      if (counts && counts[level - 1] == (level > 1 ? counts[level - 2] : 0)) continue;
      message = fmt::format(
          "Pair style mlip: atom {} ({}) has 1-{} bonded neighbours, which the current special_bonds removes from the "
          "neighbour list, so that the model would not see them; use `special_bonds lj/coul 1.0 1.0 1.0`, or 1.0e-50 "
          "in place of zeros where another pair style needs the exclusion",
          atom->tag ? atom->tag[i] : 0, types.element(atom->type[i]), level + 1);
    }
  }
  agree(lmp, FLERR, !message.empty(), message);
}

/* ---------------------------------------------------------------------- */

void check_comm_cutoff(LAMMPS *lmp, double cutoff) {
  const double needed = cutoff + lmp->neighbor->skin;
  const double given = lmp->comm->cutghostuser;
  if (lmp->comm->mode == Comm::SINGLE && given > 0.0 && given < needed)
    lmp->error->all(FLERR,
                    "Pair style mlip: communication cutoff {} is too short; the model needs {} (cutoff {} + skin {}): "
                    "use `comm_modify cutoff {}` or leave the command out",
                    given, needed, cutoff, lmp->neighbor->skin, needed);
}

}  // namespace LAMMPS_NS::MLIP
