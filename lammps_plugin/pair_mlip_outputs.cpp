/* ----------------------------------------------------------------------
   SPDX-License-Identifier: GPL-2.0-or-later

   Named outputs of the model: who reads them, in which steps the engine
   gives them, and what they are.
------------------------------------------------------------------------- */

#include <algorithm>
#include <cstring>

#include "compute.h"
#include "fix.h"
#include "modify.h"
#include "pair_mlip.h"
#include "update.h"

using namespace LAMMPS_NS;

/* ----------------------------------------------------------------------
   a step in which nobody reads outputs does not compute them: computes
   are asked by LAMMPS's own list of steps, the fix by its interval
------------------------------------------------------------------------- */

bool PairMLIP::outputs_due() const {
  if (wanted_.empty()) return false;
  for (auto *compute : modify->get_compute_list())
    if (strncmp(compute->style, "mlip/", 5) == 0 && compute->matchstep(update->ntimestep)) return true;
  for (const auto *fix : modify->get_fix_list())
    if (strcmp(fix->style, "mlip/watch") == 0 && update->ntimestep % fix->nevery == 0) return true;
  return false;
}

void PairMLIP::give_outputs(bool wanted) {
  if (wanted == giving_) return;
  std::vector<const char *> names;
  if (wanted)
    for (const auto &name : wanted_) names.push_back(name.c_str());
  check(mlip_want_outputs(model_->handle(), names.data(), static_cast<int>(names.size())));
  giving_ = wanted;
  outputs_step_ = -1;
}

void PairMLIP::want(const std::string &output) {
  if (std::find(wanted_.begin(), wanted_.end(), output) == wanted_.end()) wanted_.push_back(output);
  giving_ = false;  // the engine does not know of this one yet
}

const double *PairMLIP::output(const std::string &name) {
  if (outputs_step_ != update->ntimestep) {
    give_outputs(true);
    prepare_graph();
    mlip_result result{};
    result.energy_only = 1;
    const double *positions = graph_.positions(atom), *cell = graph_.cell(atom, domain);
    stop_on_failure(mlip_evaluate_pairs(model_->handle(), positions, cell, &result));
    outputs_step_ = update->ntimestep;
    halo_.take_seconds();  // not of a step
  }
  const double *values = nullptr;
  int width = 0;
  check(mlip_output(model_->handle(), name.c_str(), &values, &width));
  return values;
}

std::string PairMLIP::conditions() const {
  std::string text;
  if (options_.charge) text += fmt::format(" total_charge={:g}", *options_.charge);
  if (options_.spin) text += fmt::format(" spin_multiplicity={:g}", *options_.spin);
  return text;
}
