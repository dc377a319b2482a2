// SPDX-License-Identifier: GPL-2.0-or-later
// Registers the styles with the LAMMPS that loads this library. A plugin sees LAMMPS's classes from inside, so it
// serves only the version it was compiled for: with another one the style exists too, but says what to do.

#include "compute_mlip_atom.h"
#include "compute_mlip_global.h"
#include "error.h"
#include "fix_mlip_watch.h"
#include "mlip/mlip.h"
#include "pair_mlip.h"

using namespace LAMMPS_NS;

namespace {

// The loader's interface, which the LAMMPS packages do not ship as a header.
struct Plugin {
  const char *version;
  const char *style;
  const char *name;
  const char *info;
  const char *author;
  union {
    void *(*plain)(void *);
    void *(*with_arguments)(void *, int, char **);
  } creator;
  void *handle;
};
using Register = void (*)(Plugin *, void *);

void *create_pair(void *lmp) {
  return new PairMLIP(static_cast<LAMMPS *>(lmp));
}

template <class Style>
void *create(void *lmp, int narg, char **arg) {
  return new Style(static_cast<LAMMPS *>(lmp), narg, arg);
}

void *refuse_lammps(void *ptr) {
  auto *lmp = static_cast<LAMMPS *>(ptr);
  lmp->error->all(
      FLERR,
      "Pair style mlip was compiled for LAMMPS {}, but this is LAMMPS {}. Rebuild mlipkit in the environment "
      "of this LAMMPS: pip install --force-reinstall --no-deps --no-build-isolation <folder of mlipkit>",
      MLIP_LAMMPS_VERSION, lmp->num_ver);
}

void *refuse_engine(void *ptr) {
  auto *lmp = static_cast<LAMMPS *>(ptr);
  lmp->error->all(
      FLERR,
      "Pair style mlip was compiled for interface {} of libmlip, but the libmlip {} beside it has interface "
      "{}. Reinstall mlipkit: pip install --force-reinstall --no-deps <folder of mlipkit>",
      MLIP_INTERFACE_VERSION, mlip_version(), mlip_interface_version());
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *ptr, void *handle, void *function) {
  auto *lmp = static_cast<LAMMPS *>(ptr);
  const auto enlist = reinterpret_cast<Register>(function);
  Plugin plugin{};
  plugin.version = lmp->version;  // a declared mismatch would only be logged and the style be unknown
  plugin.style = "pair";
  plugin.name = "mlip";
  plugin.info = "machine-learned interatomic potentials (pair_style mlip)";
  plugin.author = "the mlipkit developers";
  plugin.creator.plain = &create_pair;
  plugin.handle = handle;
  const bool fits = lmp->num_ver == MLIP_LAMMPS_VERSION && mlip_interface_version() == MLIP_INTERFACE_VERSION;
  if (lmp->num_ver != MLIP_LAMMPS_VERSION)
    plugin.creator.plain = &refuse_lammps;
  else if (!fits)
    plugin.creator.plain = &refuse_engine;
  enlist(&plugin, ptr);
  if (!fits) return;  // nothing to read outputs from

  plugin.style = "compute";
  plugin.name = "mlip/atom";
  plugin.info = "outputs per atom of pair_style mlip";
  plugin.creator.with_arguments = &create<ComputeMLIPAtom>;
  enlist(&plugin, ptr);
  plugin.name = "mlip/global";
  plugin.info = "outputs of the structure of pair_style mlip";
  plugin.creator.with_arguments = &create<ComputeMLIPGlobal>;
  enlist(&plugin, ptr);
  plugin.style = "fix";
  plugin.name = "mlip/watch";
  plugin.info = "compares outputs of pair_style mlip with a threshold";
  plugin.creator.with_arguments = &create<FixMLIPWatch>;
  enlist(&plugin, ptr);
}
