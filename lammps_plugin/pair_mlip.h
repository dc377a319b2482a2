/* -*- c++ -*- ----------------------------------------------------------
   SPDX-License-Identifier: GPL-2.0-or-later

   pair_style mlip: a frozen machine-learned potential behind mlip.h.
   What it is not: it knows no tensor library and no file format.
------------------------------------------------------------------------- */

#ifdef PAIR_CLASS
// clang-format off
PairStyle(mlip, PairMLIP);
// clang-format on
#else

#ifndef LMP_PAIR_MLIP_H
#define LMP_PAIR_MLIP_H

#include <memory>

#include "checks.h"
#include "graph.h"
#include "halo.h"
#include "model.h"
#include "options.h"
#include "pair.h"
#include "timings.h"

namespace LAMMPS_NS {

class PairMLIP : public Pair {
 public:
  explicit PairMLIP(class LAMMPS *);
  ~PairMLIP() override;

  void compute(int, int) override;
  void settings(int, char **) override;
  void coeff(int, char **) override;
  void init_style() override;
  double init_one(int, int) override;

  int pack_forward_comm(int, int *, double *, int, int *) override;
  void unpack_forward_comm(int, int, double *) override;
  int pack_reverse_comm(int, int, double *) override;
  void unpack_reverse_comm(int, int *, double *) override;
  double memory_usage() override;
  void finish() override;

 private:
  void allocate();
  void map_types(int nnames, char **names);
  void size_messages();
  void print_summary();
  void fold_ghosts();
  void tally(const mlip_result &result);
  void stop_on_failure(mlip_status status);
  void check(mlip_status status);
  std::string here() const;

  MLIP::Options options_;
  MLIP::TypeMap types_;
  std::unique_ptr<MLIP::Model> model_;
  std::string path_;
  MLIP::Graph graph_;
  MLIP::Halo halo_;
  MLIP::Timings timings_;
  double cutoff_ = 0.0;
  double energy_unit_ = 1.0;  // of one eV
  bool announced_ = false;
  std::vector<double> energies_, forces_, virials_;  // per row; they only grow
};

}  // namespace LAMMPS_NS

#endif
#endif
