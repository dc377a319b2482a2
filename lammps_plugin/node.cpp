// SPDX-License-Identifier: GPL-2.0-or-later
#include "node.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "lammps.h"
#include "universe.h"
#include "utils.h"

namespace LAMMPS_NS::MLIP {
namespace {

constexpr double GIB = 1024.0 * 1024.0 * 1024.0;

/// The first number of a file, or infinity ("max" in a control group: no limit).
double number_in(const std::string &path) {
  std::ifstream file(path);
  double value = 0.0;
  return file >> value ? value : std::numeric_limits<double>::infinity();
}

/// Bytes that this machine, or the batch system's control group, still gives; infinity where nobody says.
double free_bytes() {
  double found = std::numeric_limits<double>::infinity();
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (double kib; file >> name >> kib && std::getline(file, unit);)
    if (name == "MemAvailable:") found = 1024.0 * kib;
  const std::string v2 = "/sys/fs/cgroup/memory.", v1 = "/sys/fs/cgroup/memory/memory.";
  const double left = std::min(number_in(v2 + "max") - number_in(v2 + "current"),
                               number_in(v1 + "limit_in_bytes") - number_in(v1 + "usage_in_bytes"));
  return left >= 0.0 ? std::min(found, left) : found;  // also where one of the files is missing
}

}  // namespace

Node::Node(LAMMPS *lmp) : lmp_(lmp) {
  MPI_Comm_split_type(lmp->world, MPI_COMM_TYPE_SHARED, lmp->comm->me, MPI_INFO_NULL, &ranks_);
  MPI_Comm_rank(ranks_, &me_);
}

Node::~Node() {
  MPI_Comm_free(&ranks_);
}

std::string Node::device(const std::string &wanted) const {
  int n = 0;
  if (wanted != "cuda" || mlip_count_cuda_devices(&n) != MLIP_OK || n < 2) return wanted;
  // Partitions cannot be asked together, so where there are several, processes are numbered through all machines: those
  // of one machine still differ where they follow each other, as launchers place them by default.
  const Universe *universe = lmp_->universe;
  return "cuda:" + std::to_string((universe->existflag ? universe->me : me_) % n);
}

void Node::report_memory(mlip_model *model, const mlip_size &size, bool on_gpu) const {
  double need = 0.0, mine = 0.0;
  if (mlip_predict_memory(model, &size, &mine) != MLIP_OK) mine = 0.0;  // the evaluation itself will say what is wrong
  MPI_Allreduce(&mine, &need, 1, MPI_DOUBLE, on_gpu ? MPI_MAX : MPI_SUM, ranks_);
  const double available = on_gpu ? std::numeric_limits<double>::infinity() : free_bytes();
  double local[2] = {need, -available}, worst[2];
  // machines of one job are alike, so the largest need meets about the smallest rest
  MPI_Allreduce(local, worst, 2, MPI_DOUBLE, MPI_MAX, lmp_->world);
  if (lmp_->comm->me != 0) return;
  const double most = worst[0] / GIB, least = -worst[1] / GIB;
  std::string text = fmt::format("mlip: an evaluation will need {:.3g} GiB {}", most,
                                 on_gpu ? "on the device of a rank" : "on the fullest machine");
  if (least < std::numeric_limits<double>::infinity()) text += fmt::format(", {:.3g} GiB are free", least);
  utils::logmesg(lmp_, text + "\n");
  if (most > least)
    lmp_->error->warning(FLERR,
                         "Pair style mlip will need more memory than is free, and the system may end the run: use more "
                         "machines, fewer atoms or precision single");
}

}  // namespace LAMMPS_NS::MLIP
