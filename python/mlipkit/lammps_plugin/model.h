// SPDX-License-Identifier: GPL-2.0-or-later
// An artifact opened on every rank, or on none: what fails on one rank stops all of them with one message.
#ifndef MLIP_LAMMPS_MODEL_H
#define MLIP_LAMMPS_MODEL_H

#include <mpi.h>

#include <memory>
#include <string>
#include <vector>

#include "mlip/mlip.h"
#include "options.h"

namespace LAMMPS_NS {
class LAMMPS;

namespace MLIP {

/// Collective. When `failed` holds on any rank, stops all ranks with the message of the lowest such rank; `file` and
/// `line` say where (FLERR).
void agree(LAMMPS *lmp, const char *file, int line, bool failed, const std::string &message);

class Model {
 public:
  /// Collective: opens `path`, the same file on all ranks, for the given elements and tries an evaluation without
  /// atoms.
  Model(LAMMPS *lmp, const std::string &path, const std::vector<std::string> &elements, const Options &options);

  mlip_model *handle() const { return handle_.get(); }
  const mlip_description &about() const { return about_; }
  /// SHA-256 of the file.
  const std::string &checksum() const { return checksum_; }
  /// Doubles that hold one ghost's features in a message.
  int halo_doubles() const;

 private:
  mlip_status open(const std::string &path, const std::vector<std::string> &elements, const Options &options,
                   int threads);

  mlip_status share_sums();

  MPI_Comm world_;
  std::unique_ptr<mlip_model, decltype(&mlip_close)> handle_;
  mlip_description about_{};
  std::string checksum_;
};

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
