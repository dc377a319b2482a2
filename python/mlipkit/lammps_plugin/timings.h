// SPDX-License-Identifier: GPL-2.0-or-later
// Where the time of a pair style went.
#ifndef MLIP_LAMMPS_TIMINGS_H
#define MLIP_LAMMPS_TIMINGS_H

#include "halo.h"

namespace LAMMPS_NS {
class LAMMPS;

namespace MLIP {

class Timings {
 public:
  enum Part {
    PAIRS,
    MODEL,
    HALO,
    FORCES
  };  // list and positions; network; exchanges within it; sums into LAMMPS's arrays

  /// From here on time counts for the part that `stop` names; `elsewhere` of it (seconds) counts for the halo.
  void start();
  void stop(Part part, double elsewhere = 0.0);
  /// Ends an evaluation. Its exchanges move from LAMMPS's "Pair" to "Comm", so that waiting for others is not taken for
  /// work: `fix balance weight time` goes by "Pair".
  void count(LAMMPS *lmp);

  /// Means over the ranks, of the halo exchanges too; all ranks call it. Starts anew.
  void report(LAMMPS *lmp, const Traffic &traffic);

 private:
  double begin_ = 0.0;
  double seconds_[4] = {};
  double counted_ = 0.0;  // of seconds_[HALO]
  long evaluations_ = 0;
};

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
