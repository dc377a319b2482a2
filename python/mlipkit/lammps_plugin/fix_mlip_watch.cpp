// SPDX-License-Identifier: GPL-2.0-or-later
#include "fix_mlip_watch.h"

#include <limits>
#include <optional>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "extxyz.h"
#include "options.h"
#include "pair_mlip.h"
#include "timer.h"
#include "update.h"

using namespace LAMMPS_NS;

/* ----------------------------------------------------------------------
   fix ID group mlip/watch N NAME threshold T keyword value ...
------------------------------------------------------------------------- */

FixMLIPWatch::FixMLIPWatch(LAMMPS *lmp, int narg, char **arg)
    : Fix(lmp, narg, arg), source_(lmp, "Fix mlip/watch", MLIP::OutputSource::ANY) {
  if (narg < 5) error->all(FLERR, "Fix mlip/watch needs `N NAME threshold T`: how often, which output, and the limit");
  nevery = utils::inumeric(FLERR, arg[3], false, lmp);
  if (nevery < 1) error->all(FLERR, "Fix mlip/watch: N is {}; it must be at least 1", nevery);
  global_freq = nevery;
  dynamic_group_allow = 1;
  scalar_flag = vector_flag = 1;
  size_vector = 2;
  extscalar = extvector = 0;
  read(narg - 5, arg + 5);
  source_.name(arg[4]);
}

/* ---------------------------------------------------------------------- */

void FixMLIPWatch::read(int narg, char **arg) {
  static const std::vector<std::string> KEYWORDS = {"threshold", "action", "file", "model", "index"};
  static const std::vector<std::string> ACTIONS = {"warn", "dump", "stop"};
  std::optional<double> threshold;
  file_ = std::string(id) + ".extxyz";
  for (int i = 0; i < narg; i += 2) {
    const std::string word = arg[i];
    if (i + 1 >= narg) error->all(FLERR, "Fix mlip/watch: keyword {} lacks its value", word);
    const std::string value = arg[i + 1];
    if (word == "threshold") {
      threshold = utils::numeric(FLERR, value, false, lmp);
    } else if (word == "file") {
      file_ = value;
    } else if (word == "action") {
      action_ = value == "warn" ? WARN : value == "dump" ? DUMP : STOP;
      if (action_ == STOP && value != "stop")
        error->all(FLERR, "Fix mlip/watch: unknown action {}: did you mean {}? Valid are {}", value,
                   MLIP::nearest(value, ACTIONS), MLIP::joined(ACTIONS));
    } else if (!source_.keyword(word, value)) {
      error->all(FLERR, "Fix mlip/watch: unknown keyword {}: did you mean {}? Valid are {}", word,
                 MLIP::nearest(word, KEYWORDS), MLIP::joined(KEYWORDS));
    }
  }
  if (!threshold) error->all(FLERR, "Fix mlip/watch needs a threshold, in the unit of the output");
  threshold_ = *threshold;
}

int FixMLIPWatch::setmask() {
  return FixConst::END_OF_STEP | FixConst::POST_RUN;
}

void FixMLIPWatch::init() {
  source_.init();
}

/* ----------------------------------------------------------------------
   all ranks know the largest value, and so do the same
------------------------------------------------------------------------- */

void FixMLIPWatch::end_of_step() {
  largest_ = find_largest();
  checks_++;
  if (!(largest_.value > threshold_)) return;
  above_++;
  if (action_ == DUMP) dump();
  if (action_ == STOP) {
    if (comm->me == 0) utils::logmesg(lmp, "{}; stopping the run\n", message());
    timer->force_timeout();
  } else if (above_ == next_line_) {  // the 1st, 2nd, 4th, 8th ... time
    next_line_ *= 2;
    if (comm->me == 0) error->warning(FLERR, "{} (time {}; next line at {})", message(), above_, next_line_);
  }
}

/* ---------------------------------------------------------------------- */

FixMLIPWatch::Largest FixMLIPWatch::find_largest() const {
  const double *values = source_.values();
  const int width = source_.width();
  Largest found;
  found.value = -std::numeric_limits<double>::infinity();
  if (source_.per_structure()) {
    for (int k = 0; k < width; k++) found.value = std::max(found.value, values[k]);
    return found;
  }
  const std::vector<int> &atoms = source_.pair()->atom_of_row();
  for (int64_t row = 0; row < source_.pair()->n_rows(); row++) {
    if (!(atom->mask[atoms[row]] & groupbit)) continue;
    for (int k = 0; k < width; k++)
      if (values[row * width + k] > found.value)
        found = {values[row * width + k], atom->tag_enable ? atom->tag[atoms[row]] : 0};
  }
  struct {
    double value;
    int rank;
  } mine = {found.value, comm->me}, all;
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE_INT, MPI_MAXLOC, world);
  found.value = all.value;
  MPI_Bcast(&found.atom, 1, MPI_LMP_TAGINT, all.rank, world);
  return found;
}

std::string FixMLIPWatch::message() const {
  const std::string where = largest_.atom > 0 ? fmt::format(" of atom {}", largest_.atom) : "";
  return fmt::format("Fix mlip/watch {}, step {}: {}{} is {:.6g}, above the threshold {:.6g}", id, update->ntimestep,
                     source_.name(), where, largest_.value, threshold_);
}

void FixMLIPWatch::dump() const {
  MLIP::Frame frame;
  frame.info =
      fmt::format("{} step={} {}={:.10g} threshold={:.10g}", source_.pair()->conditions(), update->ntimestep,
                  source_.per_structure() ? source_.name() : "largest_" + source_.name(), largest_.value, threshold_);
  if (!source_.per_structure()) {
    frame.column = source_.name();
    frame.values = source_.values();
    frame.width = source_.width();
  }
  MLIP::append_frame(lmp, file_, *source_.pair(), frame);
}

/* ---------------------------------------------------------------------- */

void FixMLIPWatch::post_run() {
  if (comm->me == 0 && above_ > reported_)
    utils::logmesg(lmp, "Fix mlip/watch {}: {} was above {:.6g} in {} of {} checks{}\n", id, source_.name(), threshold_,
                   above_, checks_, action_ == DUMP ? "; frames are in " + file_ : "");
  reported_ = above_;
}

double FixMLIPWatch::compute_vector(int k) {
  return static_cast<double>(k == 0 ? checks_ : above_);
}
