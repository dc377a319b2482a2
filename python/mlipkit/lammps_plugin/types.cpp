// SPDX-License-Identifier: GPL-2.0-or-later
#include "types.h"

#include <algorithm>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "pointers.h"

namespace LAMMPS_NS::MLIP {

TypeMap map_types(LAMMPS *lmp, const std::vector<std::string> &names) {
  const int ntypes = lmp->atom->ntypes;
  if (static_cast<int>(names.size()) != ntypes)
    lmp->error->all(FLERR,
                    "Pair style mlip: pair_coeff names {} elements for {} atom types; give one chemical symbol per "
                    "type, in the order of the types, and NULL for types that the model leaves alone",
                    names.size(), ntypes);
  TypeMap types;
  types.species.assign(ntypes + 1, -1);
  for (int type = 1; type <= ntypes; type++) {
    const std::string &name = names[type - 1];
    if (name == "NULL") continue;
    auto &elements = types.elements;
    const auto found = std::find(elements.begin(), elements.end(), name);
    types.species[type] = static_cast<int>(found - elements.begin());
    if (found == elements.end()) elements.push_back(name);
  }
  if (types.elements.empty())
    lmp->error->all(FLERR, "Pair style mlip: all atom types are NULL in pair_coeff, so the model has nothing to do");
  return types;
}

/* ---------------------------------------------------------------------- */

void print_types(LAMMPS *lmp, const TypeMap &types) {
  Atom *atom = lmp->atom;
  std::vector<bigint> mine(atom->ntypes + 1, 0), all(atom->ntypes + 1, 0);
  for (int i = 0; i < atom->nlocal; i++) mine[atom->type[i]]++;
  MPI_Allreduce(mine.data(), all.data(), atom->ntypes + 1, MPI_LMP_BIGINT, MPI_SUM, lmp->world);
  if (lmp->comm->me != 0) return;

  std::string table = fmt::format("  {:>5} {:>8} {:>10} {:>10}\n", "type", "element", "mass", "atoms");
  for (int type = 1; type <= atom->ntypes; type++) {
    const std::string mass = atom->rmass || !atom->mass ? "per atom" : fmt::format("{:.4f}", atom->mass[type]);
    table += fmt::format("  {:>5} {:>8} {:>10} {:>10}\n", type, types.handles(type) ? types.element(type) : "NULL",
                         mass, all[type]);
  }
  utils::logmesg(lmp, table);
}

}  // namespace LAMMPS_NS::MLIP
