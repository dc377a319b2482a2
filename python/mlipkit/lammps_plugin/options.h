// SPDX-License-Identifier: GPL-2.0-or-later
// Keywords of the pair_style command: parsed here, meant for mlip_open.
#ifndef MLIP_LAMMPS_OPTIONS_H
#define MLIP_LAMMPS_OPTIONS_H

#include <optional>
#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;

namespace MLIP {

struct Options {
  std::string precision;         // empty: the artifact's default
  std::string device = "cpu";    // cpu, cuda or cuda:N
  std::string task;              // empty: the only one of the model
  std::optional<bool> tables;    // radial networks as tables; without a value the engine decides by the precision
  std::optional<double> charge;  // total charge, e
  std::optional<double> spin;    // spin multiplicity 2S+1
  bool mass_check = true;        // masses must fit the elements
};

/// Reads `keyword value ...`; stops LAMMPS on an unknown keyword, naming the nearest valid one.
Options parse_options(LAMMPS *lmp, int narg, char **arg);

/// The entry of `valid` that takes the fewest edits to reach from `word`.
std::string nearest(const std::string &word, const std::vector<std::string> &valid);

/// "a, b, c"
std::string joined(const std::vector<std::string> &words);

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
