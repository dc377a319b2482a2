/* -*- c++ -*- ----------------------------------------------------------
   SPDX-License-Identifier: GPL-2.0-or-later

   fix mlip/watch: compares an output of pair_style mlip with a threshold,
   and warns, writes the frame, or stops the run.
------------------------------------------------------------------------- */

#ifdef FIX_CLASS
// clang-format off
FixStyle(mlip/watch, FixMLIPWatch);
// clang-format on
#else

#ifndef LMP_FIX_MLIP_WATCH_H
#define LMP_FIX_MLIP_WATCH_H

#include <string>

#include "fix.h"
#include "output_source.h"

namespace LAMMPS_NS {

class FixMLIPWatch : public Fix {
 public:
  FixMLIPWatch(class LAMMPS *, int, char **);

  int setmask() override;
  void init() override;
  void end_of_step() override;
  void post_run() override;
  double compute_scalar() override { return largest_.value; }
  double compute_vector(int) override;

 private:
  enum Action { WARN, DUMP, STOP };
  struct Largest {
    double value = 0.0;
    tagint atom = 0;  // 0: of the structure, or no atom
  };

  void read(int narg, char **arg);
  Largest find_largest() const;
  std::string message() const;
  void dump() const;

  MLIP::OutputSource source_;
  double threshold_ = 0.0;
  Action action_ = WARN;
  std::string file_;
  Largest largest_;       // of the last check
  bigint checks_ = 0;     // since the fix was defined
  bigint above_ = 0;      // of those, how many were above the threshold
  bigint reported_ = 0;   // of those, how many the last report knew
  bigint next_line_ = 1;  // the count that is worth a line
};

}  // namespace LAMMPS_NS

#endif
#endif
