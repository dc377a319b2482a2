// SPDX-License-Identifier: GPL-2.0-or-later
// What LAMMPS loads. The styles see LAMMPS's classes from inside, so they serve only the version, the integer sizes and
// the MPI that they were compiled for, and lie in a library of their own: with another LAMMPS it could not even be
// opened, which LAMMPS would only log. This file uses LAMMPS's C interface alone, which is the same everywhere: where
// the styles do not fit, pair_style mlip exists too, and says what to do.

#include <dlfcn.h>
#include <mpi.h>

#include <cstring>
#include <string>

#include "library.h"
#include "lmptype.h"
#include "registration.h"

using namespace LAMMPS_NS;

namespace {

constexpr const char *STYLES = "libmlip_lammps.so";
constexpr const char *CURE =
    ". Build the plugin for this LAMMPS, with the headers and the MPI that it was compiled with: "
    "mlip-build-lammps-plugin --lammps-headers <folder> --mpi <folder or compiler>";
std::string told;  // why the styles cannot be used

// Kinds of MPI that differ in the values and sizes of their types.
constexpr const char *KIND_MPICH = "MPICH or a relative of it";  // Intel MPI, Cray MPICH, MVAPICH
constexpr const char *KIND_OPEN = "Open MPI";
constexpr const char *KIND_STUBS = "the MPI stubs of LAMMPS";
#if defined(MPI_STUBS)
constexpr const char *MPI_HERE = KIND_STUBS;
#elif defined(OPEN_MPI)
constexpr const char *MPI_HERE = KIND_OPEN;
#else
constexpr const char *MPI_HERE = KIND_MPICH;
#endif

const char *mpi_of_host() {
  if (dlsym(RTLD_DEFAULT, "ompi_mpi_comm_world")) return KIND_OPEN;
  const auto describe = reinterpret_cast<int (*)(char *, int *)>(dlsym(RTLD_DEFAULT, "MPI_Get_library_version"));
  if (!describe) return MPI_HERE;  // older than MPI 3: not known
  char text[16384] = "";           // longer than any MPI_MAX_LIBRARY_VERSION_STRING
  int length = 0;
  describe(text, &length);
  return strstr(text, "STUBS") ? KIND_STUBS : KIND_MPICH;
}

std::string different(const std::string &mine, const std::string &host) {
  return "Pair style mlip was compiled for " + mine + ", but this is " + host + CURE;
}

/// Why the styles do not fit the LAMMPS that runs; empty when they do.
std::string misfit(void *lmp) {
  const int version = lammps_version(lmp);
  if (version != MLIP_LAMMPS_VERSION)
    return different("LAMMPS " + std::to_string(MLIP_LAMMPS_VERSION), "LAMMPS " + std::to_string(version));
  const auto sizes = [](size_t tag, size_t image, size_t big) {
    const auto bits = [](size_t bytes) { return std::to_string(8 * bytes); };
    return "a LAMMPS with integers tagint of " + bits(tag) + ", imageint of " + bits(image) + " and bigint of " +
           bits(big) + " bits";
  };
  const std::string mine = sizes(sizeof(tagint), sizeof(imageint), sizeof(bigint));
  const std::string host = sizes(lammps_extract_setting(lmp, "tagint"), lammps_extract_setting(lmp, "imageint"),
                                 lammps_extract_setting(lmp, "bigint"));
  if (mine != host) return different(mine, host);
  if (strcmp(MPI_HERE, mpi_of_host()) != 0)
    return different(std::string("a LAMMPS with ") + MPI_HERE, std::string("one with ") + mpi_of_host());
  return {};
}

/// The function that registers the styles, of the library beside this one.
MLIP::RegisterStyles open_styles() {
  Dl_info here;
  dladdr(reinterpret_cast<void *>(&open_styles), &here);
  const std::string path = here.dli_fname;
  const std::string library = path.substr(0, path.rfind('/') + 1) + STYLES;
  void *styles = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  void *found = styles ? dlsym(styles, MLIP::REGISTER_STYLES) : nullptr;
  if (!found) told = std::string("Pair style mlip: its library cannot be loaded into this LAMMPS: ") + dlerror() + CURE;
  return reinterpret_cast<MLIP::RegisterStyles>(found);
}

void *refuse(void *lmp) {
  lammps_error(lmp, LMP_ERROR_ALL, told.c_str());
  return nullptr;  // the process has ended
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void *lmp, void *handle, void *function) {
  const auto enlist = reinterpret_cast<MLIP::Register>(function);
  MLIP::Plugin pair{};
  pair.version = nullptr;  // LAMMPS would log a difference and go on
  pair.style = "pair";
  pair.name = "mlip";
  pair.info = "machine-learned interatomic potentials (pair_style mlip)";
  pair.author = "the mlipkit developers";
  pair.creator.plain = &refuse;
  pair.handle = handle;
  told = misfit(lmp);
  if (const auto register_styles = told.empty() ? open_styles() : nullptr)
    register_styles(pair, enlist, lmp);
  else
    enlist(&pair, lmp);
}
