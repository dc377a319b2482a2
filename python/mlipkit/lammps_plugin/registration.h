// SPDX-License-Identifier: GPL-2.0-or-later
// How a plugin tells LAMMPS of its styles, which the LAMMPS packages do not ship as a header, and how plugin.cpp asks
// the library with the styles to do so.
#ifndef MLIP_LAMMPS_REGISTRATION_H
#define MLIP_LAMMPS_REGISTRATION_H

namespace LAMMPS_NS::MLIP {

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

/// What libmlip_lammps.so exports. `pair` is the entry of pair_style mlip, complete but for its creator.
constexpr const char *REGISTER_STYLES = "mlip_register_styles";
using RegisterStyles = void (*)(Plugin pair, Register enlist, void *lmp);

}  // namespace LAMMPS_NS::MLIP

#endif
