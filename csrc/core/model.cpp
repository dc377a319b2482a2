// SPDX-License-Identifier: MIT
#include "core/model.h"

#include <algorithm>

#include "core/names.h"

namespace mlip {
namespace {

std::string checked_device(const char* device) {
  const std::string name = device == nullptr ? "cpu" : device;
  const bool cuda_index = name.rfind("cuda:", 0) == 0 && name.size() > 5 && name.size() < 9 &&
                          name.find_first_not_of("0123456789", 5) == std::string::npos;
  if (name != "cpu" && name != "cuda" && !cuda_index)
    fail(MLIP_ERROR_ARGUMENT, "unknown device '", name, "'", nearest_hint(name, {"cpu", "cuda"}),
         "; use cpu, cuda or cuda:N");
  return name;
}

/// Index of a name in a list, or -1.
int64_t index_of(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : found - names.begin();
}

}  // namespace

Model::Model(const std::string& path, const mlip_open_options& options)
    : path_(path), device_(checked_device(options.device)) {
  if (options.threads < 0) fail(MLIP_ERROR_ARGUMENT, "the number of threads is negative (", options.threads, ")");
  Artifact artifact = read_artifact(path);
  backend_ = std::move(artifact.backend);
  manifest_ = std::move(artifact.manifest);
  choose_precision(options.precision);
  choose_task(options.task);
  choose_species(options.species, options.n_species);
  for (const OutputSpec& output : manifest_.outputs)
    output_descriptions_.push_back({output.name.c_str(), output.unit.c_str(), output.statistic != Statistic::none,
                                    static_cast<int>(output.width)});
  outputs_ = Outputs(manifest_.outputs);
  electrons_ = Electrons(manifest_);
  edges_ = Edges(edge_type(precision_kind_));
  reducer_ = Reducer(edge_type(precision_kind_));
  conditions_ = Conditions(manifest_.conditions, manifest_.tasks[task_].name);
  std::vector<int64_t> in_use = to_manifest_;
  std::sort(in_use.begin(), in_use.end());
  in_use.erase(std::unique(in_use.begin(), in_use.end()), in_use.end());
  const bool tables = options.tables > 0 || (options.tables == 0 && precision_kind_ != Precision::double_);
  backend_->prepare({precision_kind_, device_, options.threads, tables, std::move(in_use)});
  report_ = verify_probe(*backend_, manifest_, artifact.probe, to_manifest_, task_, precision_, device_);
}

void Model::choose_precision(const char* precision) {
  precision_ = precision == nullptr ? manifest_.default_precision : precision;
  if (index_of(manifest_.precisions, precision_) < 0)
    fail(MLIP_ERROR_ARGUMENT, "the model offers no precision '", precision_, "'",
         nearest_hint(precision_, manifest_.precisions), "; it offers ", joined(manifest_.precisions));
  if (precision_ == "single")
    precision_kind_ = Precision::single;
  else if (precision_ == "mixed")
    precision_kind_ = Precision::mixed;
  else if (precision_ == "double")
    precision_kind_ = Precision::double_;
  else
    fail(MLIP_ERROR_ARTIFACT, "the manifest offers precision '", precision_, "', which this mlipkit does not know");
}

void Model::choose_task(const char* task) {
  std::vector<std::string> names;
  for (const Task& known : manifest_.tasks) names.push_back(known.name);
  if (task == nullptr && names.size() > 1)
    fail(MLIP_ERROR_ARGUMENT, "the model has several tasks; name one of ", joined(names));
  const std::string wanted = task == nullptr ? names[0] : task;
  task_ = index_of(names, wanted);
  if (task_ < 0)
    fail(MLIP_ERROR_ARGUMENT, "the model has no task '", wanted, "'", nearest_hint(wanted, names), "; it has ",
         joined(names));
}

void Model::choose_species(const char* const* species, int n_species) {
  if (n_species < 0 || (n_species > 0 && species == nullptr))
    fail(MLIP_ERROR_ARGUMENT, "the list of species is missing (n_species = ", n_species, ")");
  species_ = manifest_.species;
  if (n_species > 0) species_.assign(species, species + n_species);
  for (const std::string& symbol : species_) {
    const int64_t index = index_of(manifest_.species, symbol);
    if (index < 0)
      fail(MLIP_ERROR_ARGUMENT, "the model does not know species '", symbol, "'",
           nearest_hint(symbol, manifest_.species), "; it knows ", joined(manifest_.species));
    to_manifest_.push_back(index);
    masses_.push_back(manifest_.masses[index]);
  }
  for (const std::string& symbol : species_) species_names_.push_back(symbol.c_str());
}

mlip_description Model::describe() const {
  mlip_description out{};
  out.path = path_.c_str();
  out.architecture = manifest_.architecture.c_str();
  out.precision = precision_.c_str();
  out.device = device_.c_str();
  out.task = manifest_.tasks[task_].name.c_str();
  out.torch_version = backend_->library_version();
  out.manifest = manifest_.text.c_str();
  out.cutoff = manifest_.cutoff;
  out.interaction_range = manifest_.interaction_range;
  out.n_layers = manifest_.n_layers;
  out.halo_exchanges = manifest_.halo_exchanges;
  out.halo_values_per_ghost = manifest_.halo_values_per_ghost;
  out.n_species = static_cast<int>(species_names_.size());
  out.species = species_names_.data();
  out.masses = masses_.data();
  out.n_outputs = static_cast<int>(output_descriptions_.size());
  out.outputs = output_descriptions_.data();
  out.n_probes = report_.n_structures;
  out.probe_seconds = report_.seconds;
  out.probe_energy_error = report_.largest.energy_per_atom;
  out.tabulated = backend_->tabulated();
  out.probe_force_error = report_.largest.force;
  return out;
}

void Model::set_condition(const std::string& name, double value) {
  conditions_.set(name, value);
  electrons_.forget();
}

void Model::set_reduction(const mlip_reduction* callbacks) {
  reduction_.set(callbacks);
  electrons_.forget();
}

void Model::want_outputs(const std::vector<std::string>& names) {
  outputs_.want(names, result_.outputs);
  evaluated_ = false;
}

void Model::set_halo(const mlip_halo* callbacks) {
  if (callbacks != nullptr && (callbacks->forward == nullptr || callbacks->reverse == nullptr))
    fail(MLIP_ERROR_ARGUMENT, "both halo callbacks, forward and reverse, are needed");
  has_halo_ = callbacks != nullptr;
  halo_.callbacks = has_halo_ ? *callbacks : mlip_halo{};
  const int64_t value_bytes = precision_kind_ == Precision::double_ ? 8 : 4;
  halo_.max_bytes = manifest_.halo_values_per_ghost * value_bytes;
}

double Model::predict_memory(const GraphSize& size) {
  if (size.n_local < 0 || size.n_all < size.n_local || size.n_edges < 0)
    fail(MLIP_ERROR_ARGUMENT, "there is no graph of ", size.n_local, " local atoms, ", size.n_all, " atoms in all and ",
         size.n_edges, " edges");
  evaluated_ = false;  // what the last evaluation left is overwritten
  return mlip::predict_memory(*backend_, size, to_manifest_, {task_, conditions_.values(), true, false},
                              edge_type(precision_kind_), manifest_.cutoff, result_.outputs);
}

const BackendOutput& Model::output(const std::string& name) const {
  if (!evaluated_) fail(MLIP_ERROR_ARGUMENT, "output '", name, "' was asked for before a successful evaluation");
  return outputs_.get(name, result_.outputs);
}

}  // namespace mlip
