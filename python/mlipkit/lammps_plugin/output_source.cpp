// SPDX-License-Identifier: GPL-2.0-or-later
#include "output_source.h"

#include <algorithm>
#include <vector>

#include "error.h"
#include "force.h"
#include "options.h"
#include "pair_mlip.h"
#include "pointers.h"

namespace LAMMPS_NS::MLIP {

void OutputSource::read(int narg, char **arg) {
  if (narg < 1) lmp_->error->all(FLERR, "{} needs the name of an output of the model", who_);
  for (int i = 1; i < narg; i += 2) {
    if (i + 1 >= narg) lmp_->error->all(FLERR, "{}: keyword {} lacks its value", who_, arg[i]);
    if (!keyword(arg[i], arg[i + 1]))
      lmp_->error->all(FLERR, "{}: unknown keyword {}: did you mean {}? Valid are model, index", who_, arg[i],
                       nearest(arg[i], {"model", "index"}));
  }
  name(arg[0]);
}

bool OutputSource::keyword(const std::string &word, const std::string &value) {
  if (word == "model")
    model_ = value;
  else if (word == "index")
    index_ = utils::inumeric(FLERR, value, false, lmp_);
  else
    return false;
  return true;
}

void OutputSource::name(const std::string &name) {
  name_ = name;
  find_output();
}

void OutputSource::init() {
  const int width = width_;
  find_output();
  if (width != width_)
    lmp_->error->all(FLERR, "{}: output {} has {} values now, but had {}; define the command again", who_, name_,
                     width_, width);
  pair_->want(name_);
}

PairMLIP *OutputSource::find_pair() const {
  std::vector<PairMLIP *> found;
  for (int n = 1;; n++) {  // LAMMPS gives the same one again and again where there is only one
    auto *pair = static_cast<PairMLIP *>(lmp_->force->pair_match("mlip", 1, n));
    if (!pair || std::find(found.begin(), found.end(), pair) != found.end()) break;
    found.push_back(pair);
  }
  if (found.empty() || !found[0]->ready())
    lmp_->error->all(FLERR, "{} reads from pair style mlip: give pair_style mlip and pair_coeff before", who_);
  if (index_ != 0) {
    if (index_ < 1 || index_ > static_cast<int>(found.size()))
      lmp_->error->all(FLERR, "{}: index {} is not among the {} pair styles mlip", who_, index_, found.size());
    return found[index_ - 1];
  }
  std::vector<std::string> files;
  std::vector<PairMLIP *> chosen;
  for (PairMLIP *pair : found) {
    files.push_back(pair->path());
    if (model_.empty() || pair->path() == model_) chosen.push_back(pair);
  }
  if (chosen.size() != 1)
    lmp_->error->all(FLERR, "{}: {} of the {} pair styles mlip fit; say which by `model FILE` or `index N`: {}", who_,
                     chosen.size(), found.size(), joined(files));
  return chosen[0];
}

void OutputSource::find_output() {
  pair_ = find_pair();
  std::vector<std::string> names;
  const mlip_description &about = pair_->about();
  for (int k = 0; k < about.n_outputs; k++) {
    const mlip_output_description &output = about.outputs[k];
    const bool structure = output.per_structure != 0;
    if (kind_ != ANY && structure != (kind_ == STRUCTURE)) continue;
    names.emplace_back(output.name);
    if (name_ != output.name) continue;
    width_ = output.width;
    per_structure_ = structure;
    return;
  }
  const char *per = kind_ == ATOM ? " per atom" : kind_ == STRUCTURE ? " of the structure" : "";
  if (names.empty()) lmp_->error->all(FLERR, "{}: the model {} has no output{}", who_, pair_->path(), per);
  lmp_->error->all(FLERR, "{}: the model {} has no output {}{}: did you mean {}? It has {}", who_, pair_->path(), name_,
                   per, nearest(name_, names), joined(names));
}

const double *OutputSource::values() const {
  return pair_->output(name_);
}

}  // namespace LAMMPS_NS::MLIP
