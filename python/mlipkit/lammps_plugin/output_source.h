// SPDX-License-Identifier: GPL-2.0-or-later
// Where computes and fixes find a named output: which pair style mlip, if there are several, and which of its outputs.
#ifndef MLIP_LAMMPS_OUTPUT_SOURCE_H
#define MLIP_LAMMPS_OUTPUT_SOURCE_H

#include <string>

namespace LAMMPS_NS {
class LAMMPS;
class PairMLIP;

namespace MLIP {

class OutputSource {
 public:
  enum Kind { ATOM, STRUCTURE, ANY };

  /// `who` begins every message.
  OutputSource(LAMMPS *lmp, const std::string &who, Kind kind) : lmp_(lmp), who_(who), kind_(kind) {}

  /// `NAME keyword value ...` with the keywords model and index.
  void read(int narg, char **arg);
  /// One keyword; false when it is none of them.
  bool keyword(const std::string &word, const std::string &value);
  /// Names the output and finds it, once all keywords were read.
  void name(const std::string &name);

  /// At the beginning of a run: the pair style may be another one, and shall give the output.
  void init();

  PairMLIP *pair() const { return pair_; }
  const std::string &name() const { return name_; }
  int width() const { return width_; }
  bool per_structure() const { return per_structure_; }
  /// Of the current step: [rows][width] or, per structure, [width]. Collective.
  const double *values() const;

 private:
  PairMLIP *find_pair() const;
  void find_output();

  LAMMPS *lmp_;
  std::string who_;
  Kind kind_;
  std::string model_, name_;
  int index_ = 0;  // of the mlip styles, from 1; 0: the only one
  PairMLIP *pair_ = nullptr;
  int width_ = 0;
  bool per_structure_ = false;
};

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
