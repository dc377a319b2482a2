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

#include "commands.h"
#include "graph.h"
#include "halo.h"
#include "model.h"
#include "options.h"
#include "pair.h"
#include "timings.h"
#include "types.h"
#include "units.h"

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
  void write_restart(FILE *) override;
  void read_restart(FILE *) override;
  void write_restart_settings(FILE *) override;
  void read_restart_settings(FILE *) override;

  int pack_forward_comm(int, int *, double *, int, int *) override;
  void unpack_forward_comm(int, int, double *) override;
  int pack_reverse_comm(int, int, double *) override;
  void unpack_reverse_comm(int, int *, double *) override;
  double memory_usage() override;
  void finish() override;

  /// For those who read named outputs (OutputSource). Collective; opens the model that a restart file named.
  bool ready();
  const std::string &path() const { return commands_.path; }
  const MLIP::Units &units() const { return units_; }
  const MLIP::TypeMap &types() const { return types_; }
  const mlip_description &about() const { return model_->about(); }
  /// Local atoms in the graph, and the atom of each.
  int64_t n_rows() const { return graph_.n_local(); }
  const std::vector<int> &atom_of_row() const { return graph_.atom_of_row(); }
  /// Total charge and multiplicity as ` key=value`, where pair_style sets them.
  std::string conditions() const;
  /// An output that will be read in this run; to be called when the run begins, after init_style.
  void want(const std::string &output);
  /// Of the current step: [rows][width], or [width] for one of the structure. Collective; evaluates the model once more
  /// where the step's own evaluation did not know that somebody would ask.
  const double *output(const std::string &name);

 private:
  void allocate();
  void assign_types();
  void open_model();
  void size_messages();
  void prepare_graph();
  std::vector<double> owners();
  void report_memory();
  bool outputs_due() const;
  void give_outputs(bool wanted);
  void print_summary();
  void fold_ghosts();
  void tally(const mlip_result &result);
  void stop_on_failure(mlip_status status);
  void check(mlip_status status);
  std::string here() const;

  MLIP::Commands commands_;
  bool restored_ = false;  // whether commands_ come from a restart file, and its model is not open yet
  MLIP::Options options_;
  MLIP::Units units_;
  MLIP::TypeMap types_;
  std::unique_ptr<MLIP::Model> model_;
  MLIP::Graph graph_;
  MLIP::Halo halo_;
  MLIP::Timings timings_;
  double cutoff_ = 0.0;  // in LAMMPS's unit
  bool announced_ = false;
  bool sized_ = false;                                                  // whether the need of memory was printed
  std::vector<std::string> wanted_;                                     // outputs that somebody reads in this run
  bool giving_ = false;                                                 // whether the engine was told to give them
  bigint outputs_step_ = -1;                                            // when it last did
  std::vector<double> energies_, forces_, virials_, centroid_virials_;  // per row; they only grow
};

}  // namespace LAMMPS_NS

#endif
#endif
