// SPDX-License-Identifier: MIT
// A model's evaluations: of graphs, of a host's pairs, of structures; on the processor and on devices.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "core/graph_check.h"
#include "core/model.h"

namespace mlip {
namespace {

/// Numbers for those who keep pairs of neighbour lists on a device; 1 is a list itself.
int64_t next_keeper() {
  static std::atomic<int64_t> last{1};
  return ++last;
}

/// Those of device_arrays.
class DevicePositions final : public Positions {
 public:
  DevicePositions(DevicePairs& device, int64_t n_atoms, std::vector<double>& memory)
      : device_(device), n_atoms_(n_atoms), memory_(memory) {}
  bool near(const std::vector<double>&, double limit) override { return device_.near(limit); }
  const double* host() override {
    memory_.resize(3 * n_atoms_);
    device_.download_positions(memory_.data());
    return memory_.data();
  }

 private:
  DevicePairs& device_;
  int64_t n_atoms_;
  std::vector<double>& memory_;
};

}  // namespace

void Model::check_halo(int64_t n_ghosts) const {
  if (manifest_.halo_exchanges > 0 && !has_halo_ && n_ghosts > 0)
    fail(MLIP_ERROR_ARGUMENT, "the graph has ", n_ghosts, " ghost atoms and the model has ", manifest_.n_layers,
         " message-passing layers, so it needs their features; set the halo callbacks (mlip_set_halo), or give a graph "
         "without ghosts");
}

void Model::map_species(const int64_t* species, int64_t n) {
  graph_species_.resize(n);
  const int64_t n_species = static_cast<int64_t>(to_manifest_.size());
  for (int64_t i = 0; i < n; ++i) {
    if (species[i] < 0 || species[i] >= n_species)
      fail(MLIP_ERROR_ARGUMENT, "atom ", i, " has species index ", species[i], "; the model was opened with ",
           n_species, " species");
    graph_species_[i] = to_manifest_[species[i]];
  }
}

void Model::evaluate(const mlip_graph& graph, mlip_result& result) {
  has_pairs_ = evaluated_ = false;
  const Fault fault = check_graph(graph, backend_->team());
  check_halo(graph.n_all - graph.n_local);
  map_species(graph.species, graph.n_all);
  edges_.load(graph, backend_->team());
  run(graph.n_local, graph.n_all, fault, result);
}

void Model::set_pairs(const mlip_pairs& pairs) {
  has_pairs_ = false;
  check_pairs(pairs, backend_->team());
  check_halo(pairs.n_all - pairs.n_local);
  map_species(pairs.species, pairs.n_all);
  pairs_ = {pairs.n_local, pairs.n_all, pairs.first, pairs.neighbour, pairs.shifts};
  has_pairs_ = true;
  device_builds_ = 0;  // what the device kept of a list of mlip_compute is gone
  if (DevicePairs* device = backend_->device_pairs()) device->upload(pairs_);
}

void Model::evaluate_pairs(const double* positions, const double* cell, mlip_result& result) {
  evaluated_ = false;
  if (!has_pairs_) fail(MLIP_ERROR_ARGUMENT, "there are no pairs to evaluate; call mlip_set_pairs before");
  if (pairs_.n_all > 0 && positions == nullptr)
    fail(MLIP_ERROR_ARGUMENT, "no positions were given for ", pairs_.n_all, " atoms");
  if (pairs_.shifts != nullptr && cell == nullptr)
    fail(MLIP_ERROR_ARGUMENT, "the pairs have shifts, so a cell is needed; none was given");
  if (backend_->device_pairs() != nullptr) {
    const auto why = [&] { return explain(pairs_, positions, cell); };
    return run_on_device(step_of(positions, cell, result), pairs_.n_local, pairs_.n_all, why, result);
  }
  Fault fault = edges_.filter(pairs_, positions, cell, manifest_.cutoff, backend_->team());
  if (fault) fault.status = MLIP_ERROR_NUMERIC;  // other processes are told at the end of the step
  run(pairs_.n_local, pairs_.n_all, fault, result);
}

void Model::compute(NeighbourList& list, const Structure& structure, mlip_result& result) {
  has_pairs_ = evaluated_ = false;
  const auto& [n, species, positions, cell, pbc] = structure;
  if (n > 0 && species == nullptr) fail(MLIP_ERROR_ARGUMENT, "no species were given for ", n, " atoms");
  if (DevicePairs* device = backend_->device_pairs()) {
    HostPositions given(n, positions);
    return compute_with(*device, list, structure, given, result);
  }
  const PairView pairs = list.candidates(n, positions, cell, pbc, backend_->team());
  map_species(species, n);
  run(n, n, edges_.filter(pairs, positions, list.cell(), manifest_.cutoff, backend_->team()), result);
}

mlip_device_arrays Model::device_arrays(int64_t n_atoms) {
  if (n_atoms < 0) fail(MLIP_ERROR_ARGUMENT, "the number of atoms is negative (", n_atoms, ")");
  DevicePairs* device = backend_->device_pairs();
  if (device == nullptr)
    fail(MLIP_ERROR_ARGUMENT, "the model is on device ", device_, ", whose memory the host shares; open it on a GPU");
  device_atoms_ = n_atoms;
  return device->arrays(n_atoms);
}

void Model::compute_on_device(NeighbourList& list, const Structure& structure, mlip_result& result) {
  has_pairs_ = evaluated_ = false;
  const int64_t n = structure.n_atoms;
  if (n != device_atoms_)
    fail(MLIP_ERROR_ARGUMENT, "there are no arrays for ", n, " atoms; call mlip_get_device_arrays before");
  if (n > 0 && structure.species == nullptr) fail(MLIP_ERROR_ARGUMENT, "no species were given for ", n, " atoms");
  DevicePairs& device = *backend_->device_pairs();
  DevicePositions given(device, n, downloaded_);
  compute_with(device, list, structure, given, result);
}

void Model::compute_with(DevicePairs& device, NeighbourList& list, const Structure& structure, Positions& where,
                         mlip_result& result) {
  const auto& [n, species, positions, cell, pbc] = structure;
  // The device holds one list: after another one's turn this one is found anew.
  const int64_t keeper = device_list_ == &list && device_builds_ != 0 ? device_builds_ : next_keeper();
  device_list_ = &list;
  device_builds_ = 0;
  list.refresh(n, where, cell, pbc, keeper, [&, on_device = positions == nullptr](const CellGrid& grid) {
    grid.check_shifts();
    device.find(grid.view());
    if (on_device) device.keep_positions();
  });
  device_builds_ = keeper;
  map_species(species, n);
  const auto why = [&, n = n, cell = cell, pbc = pbc] {
    const double* places = where.host();
    return explain(list.candidates(n, places, cell, pbc, backend_->team()), places, list.cell());
  };
  run_on_device(step_of(positions, list.cell(), result), n, n, why, result);
}

void Model::check_request(const mlip_result& result) const {
  const bool arrays = result.forces != nullptr || result.virials != nullptr || result.edge_gradients != nullptr ||
                      result.centroid_virials != nullptr;
  if (result.energy_only != 0 && arrays)
    fail(MLIP_ERROR_ARGUMENT,
         "energy_only excludes forces, virials, edge_gradients and centroid_virials; leave them NULL");
}

Request Model::request_of(const mlip_result& result) const {
  return {task_, conditions_.values(), result.energy_only == 0, result.centroid_virials != nullptr};
}

/// Zero where the model does not take one.
double Model::total_charge() const {
  for (const auto& [name, value] : conditions_.values())
    if (name == "total_charge") return value;
  return 0.0;
}

void Model::run(int64_t n_local, int64_t n_all, const Fault& fault, mlip_result& result) {
  check_request(result);
  // With broken edges the process still takes part in all exchanges, without edges, so that no other one waits for it.
  if (fault) edges_.clear();
  const BackendInput input{n_local, n_all, graph_species_.data(), edges_.view(), request_of(result)};
  electrons_.check(graph_species_.data(), n_local, input.request.conditions, reduction_);
  if (fault && !others_wait()) throw Error(fault.status, fault.message);
  halo_.clear_failure();
  backend_->evaluate(input, has_halo_ ? &halo_ : nullptr, result_);
  outputs_.finish(result_.outputs, n_local, total_charge(), reduction_);
  if (fault) throw Error(fault.status, fault.message);
  fill(n_local, n_all, result);
  evaluated_ = true;
}

PairStep Model::step_of(const double* positions, const double* cell, const mlip_result& result) const {
  return {positions,        cell,
          manifest_.cutoff,
          /*broken=*/false, request_of(result),
          result.forces,    nullptr,
          result.virials,   result.centroid_virials};
}

void Model::run_on_device(PairStep step, int64_t n_local, int64_t n_all, const std::function<Fault()>& explain,
                          mlip_result& result) {
  check_request(result);
  DevicePairs& device = *backend_->device_pairs();
  device.set_species(graph_species_);
  electrons_.check(graph_species_.data(), n_local, step.request.conditions, reduction_);
  std::fill(result.virial, result.virial + 6, std::numeric_limits<double>::quiet_NaN());
  step.virial = result.virial;
  HaloHost* host = has_halo_ ? &halo_ : nullptr;
  halo_.clear_failure();
  if (!device.evaluate(step, result.energies != nullptr, host, result_)) {
    step.broken = true;  // other processes wait for this one in their exchanges
    if (host != nullptr) device.evaluate(step, false, host, result_);
    outputs_.finish(result_.outputs, n_local, total_charge(), reduction_);
    const Fault fault = explain();
    fail(MLIP_ERROR_NUMERIC, fault ? fault.message : "some pair of atoms has no direction");
  }
  outputs_.finish(result_.outputs, n_local, total_charge(), reduction_);
  if (result.energies != nullptr) {
    std::copy(result_.energies.begin(), result_.energies.end(), result.energies);
    result.energy = add_e0(n_local, result.energies);
  } else {
    result.energy = result_.energies[0] + add_e0(n_local, nullptr);
  }
  if (!std::isfinite(result.energy) || !virial_finite(result) || !outputs_finite())
    fail(MLIP_ERROR_NUMERIC,
         "an energy, a force or an output is not finite; the structure is far from what the model "
         "knows, or the time step is too long: look at the last good frame");
  evaluated_ = true;
}

/// Of the gradients: one that is not finite makes a diagonal component so.
bool Model::virial_finite(const mlip_result& result) const {
  return result.energy_only != 0 ||
         std::all_of(result.virial, result.virial + 3, [](double x) { return std::isfinite(x); });
}

/// Adds the reference energies to those of atoms, if these are given; the sum of them, or of the reference energies.
double Model::add_e0(int64_t n_local, double* energies) const {
  const std::vector<double>& e0 = manifest_.tasks[task_].e0;
  double total = 0.0;
  for (int64_t i = 0; i < n_local; ++i) {
    const double reference = e0[graph_species_[i]];
    total += energies == nullptr ? reference : energies[i] += reference;
  }
  return total;
}

bool Model::outputs_finite() const {
  return std::all_of(result_.outputs.begin(), result_.outputs.end(), [](const BackendOutput& output) {
    return std::all_of(output.values.begin(), output.values.end(), [](double x) { return std::isfinite(x); });
  });
}

void Model::fill(int64_t n_local, int64_t n_all, mlip_result& result) {
  const mlip_dtype type = edge_type(precision_kind_);
  const EdgeView& edges = edges_.view();
  std::fill(result.virial, result.virial + 6, std::numeric_limits<double>::quiet_NaN());
  if (result.energy_only == 0) {
    double* forces = result.forces != nullptr ? result.forces : forces_.reserve(3 * n_all);
    reducer_.reduce(edges, result_.edge_gradients, n_all, {forces, result.virial, result.virials}, backend_->team());
    if (result.centroid_virials != nullptr)
      reducer_.reduce_centroids(edges, result_.edge_gradients, result_.edge_moments, n_all, result.centroid_virials,
                                backend_->team());
  }
  result.energy = add_e0(n_local, result_.energies.data());
  if (!std::isfinite(result.energy) || !virial_finite(result) || !outputs_finite()) check_finite(edges, type, result_);
  if (result.energies != nullptr) std::copy(result_.energies.begin(), result_.energies.end(), result.energies);
  if (result.edge_gradients == nullptr) return;
  const auto copy = [&](auto* gradients) {
    std::copy(gradients, gradients + 3 * edges.n_edges, result.edge_gradients);
  };
  if (type == MLIP_FLOAT32)
    copy(static_cast<const float*>(result_.edge_gradients));
  else
    copy(static_cast<const double*>(result_.edge_gradients));
}

}  // namespace mlip
