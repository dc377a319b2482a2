/* ----------------------------------------------------------------------
   SPDX-License-Identifier: GPL-2.0-or-later

   Binary restart files: the commands are saved, and the model by its name
   and checksum.
------------------------------------------------------------------------- */

#include <vector>

#include "pair_mlip.h"

using namespace LAMMPS_NS;

/* ----------------------------------------------------------------------
   the model that the file names is opened when it is needed, so that
   pair_style and pair_coeff can be given again before
------------------------------------------------------------------------- */

bool PairMLIP::ready() {
  if (!model_ && restored_ && allocated) {  // under hybrid types are known only after pair_coeff
    commands_.check_file(lmp);
    open_model();
    restored_ = false;
  }
  return model_ != nullptr;
}

void PairMLIP::write_restart_settings(FILE *file) {
  commands_.write(file);
}

void PairMLIP::read_restart_settings(FILE *file) {
  MLIP::Commands commands = MLIP::Commands::read(lmp, file);
  std::vector<char *> words;
  for (auto &word : commands.options) words.push_back(word.data());
  settings(static_cast<int>(words.size()), words.data());
  commands_ = commands;
  restored_ = true;
}

/* ----------------------------------------------------------------------
   under hybrid LAMMPS saves settings alone: which types belong to which
   sub-style is not in the file, and pair_coeff has to be given again
------------------------------------------------------------------------- */

void PairMLIP::write_restart(FILE *file) {
  write_restart_settings(file);
}

void PairMLIP::read_restart(FILE *file) {
  read_restart_settings(file);
  if (!commands_.path.empty()) assign_types();
}
