// SPDX-License-Identifier: GPL-2.0-or-later
#include "model.h"

#include <cstring>

#include "comm.h"
#include "error.h"
#include "node.h"
#include "pointers.h"

namespace LAMMPS_NS::MLIP {

void agree(LAMMPS *lmp, const char *file, int line, bool failed, const std::string &message) {
  const int ranks = lmp->comm->nprocs;
  const int mine = failed ? lmp->comm->me : ranks;
  int first = ranks;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, lmp->world);
  if (first == ranks) return;

  int one = failed ? 1 : 0, all = 0;
  MPI_Allreduce(&one, &all, 1, MPI_INT, MPI_SUM, lmp->world);
  int length = static_cast<int>(message.size());
  MPI_Bcast(&length, 1, MPI_INT, first, lmp->world);
  std::string text(length, ' ');
  if (lmp->comm->me == first) text = message;
  MPI_Bcast(text.data(), length, MPI_CHAR, first, lmp->world);
  if (all < ranks) text += fmt::format(" (on {} of {} ranks, first on rank {})", all, ranks, first);
  lmp->error->all(file, line, text);
}

Model::Model(LAMMPS *lmp, const std::string &path, const std::vector<std::string> &elements, const Options &options)
    : world_(lmp->world), handle_(nullptr, &mlip_close) {
  Options mine = options;
  mine.device = Node(lmp).device(options.device);
  mlip_status status = open(path, elements, mine, lmp->comm->nthreads);
  if (status == MLIP_OK) status = share_sums();
  agree(lmp, FLERR, status != MLIP_OK, status == MLIP_OK ? "" : std::string("Pair style mlip: ") + mlip_last_error());

  std::string first = checksum_;
  MPI_Bcast(first.data(), static_cast<int>(first.size()), MPI_CHAR, 0, lmp->world);
  agree(
      lmp, FLERR, checksum_ != first,
      fmt::format("Pair style mlip: {} is not the same file as on rank 0 (SHA-256 {} and {})", path, checksum_, first));
}

mlip_status Model::open(const std::string &path, const std::vector<std::string> &elements, const Options &options,
                        int threads) {
  std::vector<const char *> species;
  for (const auto &element : elements) species.push_back(element.c_str());
  mlip_open_options request{};
  request.species = species.data();
  request.n_species = static_cast<int>(species.size());
  request.precision = options.precision.empty() ? nullptr : options.precision.c_str();
  request.device = options.device.c_str();
  request.task = options.task.empty() ? nullptr : options.task.c_str();
  request.threads = threads;
  if (options.tables) request.tables = *options.tables ? 1 : -1;

  mlip_model *model = nullptr;
  mlip_status status = mlip_open(path.c_str(), &request, &model);
  if (status != MLIP_OK) return status;
  handle_.reset(model);
  char digest[65];
  status = mlip_file_sha256(path.c_str(), digest);
  if (status != MLIP_OK) return status;
  checksum_ = digest;

  if (options.charge) status = mlip_set_condition(model, "total_charge", *options.charge);
  if (status == MLIP_OK && options.spin) status = mlip_set_condition(model, "spin_multiplicity", *options.spin);
  if (status != MLIP_OK) return status;

  // A required condition without a value shows here, on all ranks at once, and not in the first step.
  const mlip_graph nothing{};
  mlip_result result{};
  status = mlip_evaluate(model, &nothing, &result);
  if (status != MLIP_OK) return status;
  return mlip_describe(model, &about_);
}

/// What belongs to the whole structure is summed over all ranks.
mlip_status Model::share_sums() {
  mlip_reduction reduction{};
  reduction.host = this;
  reduction.sum = [](void *host, double *values, int n) {
    return MPI_Allreduce(MPI_IN_PLACE, values, n, MPI_DOUBLE, MPI_SUM, static_cast<Model *>(host)->world_);
  };
  reduction.max = [](void *host, double *values, int n) {
    return MPI_Allreduce(MPI_IN_PLACE, values, n, MPI_DOUBLE, MPI_MAX, static_cast<Model *>(host)->world_);
  };
  return mlip_set_reduction(handle_.get(), &reduction);
}

int Model::halo_doubles() const {
  const int bytes = std::strcmp(about_.precision, "double") == 0 ? 8 : 4;
  return (about_.halo_values_per_ghost * bytes + 7) / 8;
}

}  // namespace LAMMPS_NS::MLIP
