// SPDX-License-Identifier: GPL-2.0-or-later
// Registers the styles, once plugin.cpp has found that they fit the LAMMPS that runs.
#include "compute_mlip_atom.h"
#include "compute_mlip_global.h"
#include "error.h"
#include "fix_mlip_watch.h"
#include "mlip/mlip.h"
#include "pair_mlip.h"
#include "registration.h"

using namespace LAMMPS_NS;

namespace {

void *create_pair(void *lmp) {
  return new PairMLIP(static_cast<LAMMPS *>(lmp));
}

template <class Style>
void *create(void *lmp, int narg, char **arg) {
  return new Style(static_cast<LAMMPS *>(lmp), narg, arg);
}

void *refuse_engine(void *ptr) {
  auto *lmp = static_cast<LAMMPS *>(ptr);
  lmp->error->all(
      FLERR,
      "Pair style mlip was compiled for interface {} of libmlip, but libmlip {} has interface {}. Build the "
      "plugin again: mlip-build-lammps-plugin; or reinstall mlipkit: pip install --force-reinstall "
      "--no-deps <folder of mlipkit>",
      MLIP_INTERFACE_VERSION, mlip_version(), mlip_interface_version());
  return nullptr;  // LAMMPS before 2025 does not say that the line above does not return
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void mlip_register_styles(MLIP::Plugin plugin, MLIP::Register enlist,
                                                                            void *lmp) {
  const bool fits = mlip_interface_version() == MLIP_INTERFACE_VERSION;
  plugin.creator.plain = fits ? &create_pair : &refuse_engine;
  enlist(&plugin, lmp);
  if (!fits) return;  // nothing to read outputs from

  plugin.style = "compute";
  plugin.name = "mlip/atom";
  plugin.info = "outputs per atom of pair_style mlip";
  plugin.creator.with_arguments = &create<ComputeMLIPAtom>;
  enlist(&plugin, lmp);
  plugin.name = "mlip/global";
  plugin.info = "outputs of the structure of pair_style mlip";
  plugin.creator.with_arguments = &create<ComputeMLIPGlobal>;
  enlist(&plugin, lmp);
  plugin.style = "fix";
  plugin.name = "mlip/watch";
  plugin.info = "compares outputs of pair_style mlip with a threshold";
  plugin.creator.with_arguments = &create<FixMLIPWatch>;
  enlist(&plugin, lmp);
}
