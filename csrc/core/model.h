// SPDX-License-Identifier: MIT
//
// An opened artifact: verified, cast to a precision, bound to the host's list of species, ready to evaluate graphs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/artifact.h"
#include "core/conditions.h"
#include "core/electrons.h"
#include "core/halo_host.h"
#include "core/memory.h"
#include "core/outputs.h"
#include "core/probe.h"
#include "core/reduce.h"
#include "mlip/mlip.h"
#include "neighbours/neighbour_list.h"

namespace mlip {

/// What mlip_compute is given.
struct Structure {
  int64_t n_atoms;
  const int64_t* species;
  const double *positions, *cell;
  const int* pbc;
};

class Model {
 public:
  Model(const std::string& path, const mlip_open_options& options);
  Model(const Model&) = delete;  // handed-out pointers lead into it
  Model& operator=(const Model&) = delete;

  mlip_description describe() const;
  void set_condition(const std::string& name, double value);
  void set_halo(const mlip_halo* callbacks);
  void set_reduction(const mlip_reduction* callbacks);
  void want_outputs(const std::vector<std::string>& names);
  void evaluate(const mlip_graph& graph, mlip_result& result);
  void set_pairs(const mlip_pairs& pairs);
  void evaluate_pairs(const double* positions, const double* cell, mlip_result& result);
  /// List and evaluation in one.
  void compute(NeighbourList& list, const Structure& structure, mlip_result& result);
  mlip_device_arrays device_arrays(int64_t n_atoms);
  /// The same with the positions of device_arrays; those of `structure` are null.
  void compute_on_device(NeighbourList& list, const Structure& structure, mlip_result& result);
  const BackendOutput& output(const std::string& name) const;
  double predict_memory(const GraphSize& size);
  double cutoff() const { return manifest_.cutoff; }

 private:
  void choose_precision(const char* precision);
  void choose_task(const char* task);
  void choose_species(const char* const* species, int n_species);
  void check_halo(int64_t n_ghosts) const;
  void map_species(const int64_t* species, int64_t n);
  void run(int64_t n_local, int64_t n_all, const Fault& fault, mlip_result& result);
  void compute_with(DevicePairs& device, NeighbourList& list, const Structure& structure, Positions& where,
                    mlip_result& result);
  PairStep step_of(const double* positions, const double* cell, const mlip_result& result) const;
  void run_on_device(PairStep step, int64_t n_local, int64_t n_all, const std::function<Fault()>& explain,
                     mlip_result& result);
  void check_request(const mlip_result& result) const;
  Request request_of(const mlip_result& result) const;
  bool others_wait() const { return has_halo_ || (!reduction_.alone() && outputs_.collective()); }
  double total_charge() const;
  double add_e0(int64_t n_local, double* energies) const;
  void fill(int64_t n_local, int64_t n_all, mlip_result& result);
  bool outputs_finite() const;
  bool virial_finite(const mlip_result& result) const;

  std::string path_, precision_, device_;
  std::unique_ptr<Backend> backend_;
  Manifest manifest_;
  int64_t task_ = 0;
  Precision precision_kind_ = Precision::double_;
  std::vector<std::string> species_;  // in use, the host's order
  std::vector<int64_t> to_manifest_;  // [species in use] index in the manifest
  std::vector<double> masses_;        // [species in use]
  Conditions conditions_;
  HaloHost halo_;
  bool has_halo_ = false;
  Reduction reduction_;
  Outputs outputs_;
  Electrons electrons_;
  ProbeReport report_;
  std::vector<const char*> species_names_;  // for mlip_description
  std::vector<mlip_output_description> output_descriptions_;

  std::vector<int64_t> graph_species_;  // [n_all] of the last graph or pairs, manifest indices
  PairView pairs_;                      // of mlip_set_pairs
  bool has_pairs_ = false;
  const NeighbourList* device_list_ = nullptr;  // whose pairs the device holds
  int64_t device_builds_ = 0;                   // and by which number; 0: none
  Edges edges_{MLIP_FLOAT64};                   // of the last evaluation
  Reducer reducer_{MLIP_FLOAT64};
  Buffer<double> forces_;           // where the host wants none
  int64_t device_atoms_ = -1;       // of device_arrays
  std::vector<double> downloaded_;  // their positions, when a list is built
  BackendResult result_;
  bool evaluated_ = false;
};

}  // namespace mlip

/// The handle of the C interface.
struct mlip_model {
  mlip::Model model;
};
