// SPDX-License-Identifier: GPL-2.0-or-later
#include "timings.h"

#include <algorithm>
#include <utility>

#include "comm.h"
#include "lammps.h"
#include "platform.h"
#include "timer.h"
#include "utils.h"

using namespace LAMMPS_NS;

void MLIP::Timings::start() {
  begin_ = platform::walltime();
}

void MLIP::Timings::stop(Part part, double elsewhere) {
  const double now = platform::walltime();
  seconds_[part] += now - begin_ - elsewhere;
  seconds_[HALO] += elsewhere;
  begin_ = now;
}

void MLIP::Timings::count(LAMMPS *lmp) {
  evaluations_++;
  const double exchanges = seconds_[HALO] - std::exchange(counted_, seconds_[HALO]);
  Timer *timer = lmp->timer;
  if (!timer->has_normal()) return;
  timer->set_wall(Timer::PAIR, timer->get_wall(Timer::PAIR) - exchanges);
  timer->set_wall(Timer::COMM, timer->get_wall(Timer::COMM) + exchanges);
}

void MLIP::Timings::report(LAMMPS *lmp, const Traffic &traffic) {
  const double mine[6] = {seconds_[0], seconds_[1], seconds_[2], seconds_[3], traffic.messages, traffic.bytes};
  double mean[6];
  MPI_Reduce(mine, mean, 6, MPI_DOUBLE, MPI_SUM, 0, lmp->world);
  if (lmp->comm->me == 0 && evaluations_ > 10) {  // of short runs, often many, nobody wants to know
    for (double &value : mean) value /= lmp->comm->nprocs;
    utils::logmesg(lmp,
                   "Pair style mlip, seconds of a rank in {} evaluations: pairs {:.4g}, model {:.4g}, halo {:.4g}, "
                   "forces {:.4g}\n",
                   evaluations_, mean[PAIRS], mean[MODEL], mean[HALO], mean[FORCES]);
    if (mean[4] > 0.0)
      utils::logmesg(lmp, "Pair style mlip, halo of a rank per evaluation: {:.6g} messages, {:.9g} bytes\n",
                     mean[4] / evaluations_, mean[5] / evaluations_);
  }
  std::fill(seconds_, seconds_ + 4, 0.0);
  counted_ = 0.0;
  evaluations_ = 0;
}
