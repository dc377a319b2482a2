// SPDX-License-Identifier: MIT
#include "platforms/common/MLIPModel.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>
#include <string>

#include "openmmapi/internal/Artifact.h"
#include "openmmapi/internal/Errors.h"
#include "platforms/common/PythonLock.h"

namespace MLIPPlugin {
namespace {

// Atoms per cubic angstrom. Diamond has 0.18, hydrogen at 500 GPa about 0.6: more is no matter but a wrong box.
constexpr double MAX_DENSITY = 1.0;

/// The particles of the force; bonds are looked at too, since OpenMM trusts them.
std::vector<int> checkedParticles(const OpenMM::System& system, const MLIPForce& force) {
  const int all = system.getNumParticles();
  const std::string size = "; the System has " + std::to_string(all) + " particles, numbered from 0";
  std::vector<int> particles = force.getParticles();
  if (particles.empty()) {
    particles.resize(all);
    std::iota(particles.begin(), particles.end(), 0);
  }
  if (force.getSymbols().size() != particles.size())
    fail("the force names " + std::to_string(force.getSymbols().size()) + " chemical symbols, but acts on " +
         std::to_string(particles.size()) + " particles" + size + "; give one symbol per particle, in the same order");
  std::vector<bool> seen(all, false);
  for (const int particle : particles) {
    if (particle < 0 || particle >= all) fail("there is no particle " + std::to_string(particle) + size);
    if (seen[particle]) fail("particle " + std::to_string(particle) + " is named twice; name each particle once");
    seen[particle] = true;
  }
  for (const auto& [i, j] : force.getBonds())
    if (i < 0 || j < 0 || i >= all || j >= all)
      fail("there is no bond of particles " + std::to_string(i) + " and " + std::to_string(j) + size);
  return particles;
}

}  // namespace

MLIPModel::MLIPModel(const OpenMM::System& system, const MLIPForce& force, int platformThreads, const std::string& gpu)
    : model_(nullptr, &mlip_close),
      neighbours_(nullptr, &mlip_neighbours_destroy),
      periodic_(force.usesPeriodicBoundaryConditions()),
      particles_(checkedParticles(system, force)) {
  const WithoutPythonLock unlocked;
  requireArtifact(force.getFile(), force.getChecksum());
  const bool anyGpu = force.getDevice() == "cuda" && !gpu.empty();
  open(force, force.getThreads() == 0 ? platformThreads : force.getThreads(), anyGpu ? gpu : force.getDevice());
  setConditions(force);
  positions_.resize(3 * particles_.size());
}

void MLIPModel::open(const MLIPForce& force, int threads, const std::string& device) {
  std::vector<const char*> names;
  std::map<std::string, int64_t> index;
  for (const std::string& symbol : force.getSymbols()) {
    const auto [place, isNew] = index.emplace(symbol, static_cast<int64_t>(names.size()));
    if (isNew) names.push_back(place->first.c_str());
    species_.push_back(place->second);
  }
  const auto orNull = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
  mlip_open_options options{};
  options.species = names.data();
  options.n_species = static_cast<int>(names.size());
  options.precision = orNull(force.getPrecision());
  options.device = device.c_str();
  options.task = orNull(force.getTask());
  options.threads = threads;
  if (force.getUsesTables()) options.tables = *force.getUsesTables() ? 1 : -1;

  mlip_model* model = nullptr;
  check(mlip_open(force.getFile().c_str(), &options, &model));
  model_.reset(model);
  mlip_description about{};
  check(mlip_describe(model, &about));
  for (int k = 0; k < about.n_outputs; ++k) perStructure_[about.outputs[k].name] = about.outputs[k].per_structure != 0;
  mlip_neighbours* neighbours = nullptr;
  check(mlip_neighbours_create(about.cutoff, force.getSkin() * ANGSTROM_PER_NM, &neighbours));
  neighbours_.reset(neighbours);
}

std::optional<mlip_device_arrays> MLIPModel::shareMemory(const std::string& device) {
  mlip_description about{};
  check(mlip_describe(model_.get(), &about));
  mlip_device_arrays arrays{};
  const auto n = static_cast<int64_t>(species_.size());
  if (about.device != device || mlip_get_device_arrays(model_.get(), n, &arrays) != MLIP_OK) return std::nullopt;
  sharesMemory_ = true;
  return arrays;
}

void MLIPModel::setConditions(const MLIPForce& force) {
  if (force.getTotalCharge()) check(mlip_set_condition(model_.get(), "total_charge", *force.getTotalCharge()));
  if (force.getSpinMultiplicity())
    check(mlip_set_condition(model_.get(), "spin_multiplicity", *force.getSpinMultiplicity()));
  // A required condition without a value shows here and not in the first step.
  const mlip_graph nothing{};
  mlip_result result{};
  check(mlip_evaluate(model_.get(), &nothing, &result));
}

void MLIPModel::setBox(const OpenMM::Vec3* box) {
  const double volume = std::abs(box[0].dot(box[1].cross(box[2]))) * std::pow(ANGSTROM_PER_NM, 3);
  const double count = static_cast<double>(species_.size());
  if (!(volume > 0.0) || !std::isfinite(volume))
    fail(
        "the force is periodic, but the periodic box vectors span no volume; set them with "
        "System.setDefaultPeriodicBoxVectors or Context.setPeriodicBoxVectors");
  if (count > MAX_DENSITY * volume)
    fail("the force is periodic, but " + std::to_string(species_.size()) + " atoms in a box of " +
         std::to_string(volume * 1e-3) +
         " nm^3 are denser than any matter; the box was probably never set (a System starts with a cube of 2 nm): "
         "call System.setDefaultPeriodicBoxVectors or Context.setPeriodicBoxVectors");
  for (int row = 0; row < 3; ++row)
    for (int axis = 0; axis < 3; ++axis) cell_[3 * row + axis] = box[row][axis] * ANGSTROM_PER_NM;
}

void MLIPModel::load(const std::vector<double>& positions, const OpenMM::Vec3* box) {
  for (size_t k = 0; k < positions_.size() && !sharesMemory_; ++k) positions_[k] = positions[k] * ANGSTROM_PER_NM;
  if (periodic_) setBox(box);
}

mlip_status MLIPModel::evaluate(mlip_result& result) {
  const int pbc[3] = {periodic_, periodic_, periodic_};
  const auto n = static_cast<int64_t>(species_.size());
  if (sharesMemory_)
    return mlip_compute_on_device(model_.get(), neighbours_.get(), n, species_.data(), cell_, pbc, &result);
  return mlip_compute(model_.get(), neighbours_.get(), n, species_.data(), positions_.data(), cell_, pbc, &result);
}

double MLIPModel::compute(const std::vector<double>& positions, const OpenMM::Vec3* box, std::vector<double>* forces) {
  load(positions, box);
  const WithoutPythonLock unlocked;
  mlip_result result{};
  result.energy_only = forces == nullptr;
  const bool copied = forces != nullptr && !sharesMemory_;
  if (copied) {
    forces->resize(positions_.size());
    result.forces = forces->data();
  }
  check(evaluate(result));
  if (copied)
    for (double& component : *forces) component *= FORCE_UNIT;
  return result.energy * KJ_PER_MOL_PER_EV;
}

MLIPForce::Output MLIPModel::output(const std::vector<double>& positions, const OpenMM::Vec3* box,
                                    const std::string& name) {
  const char* wanted = name.c_str();
  check(mlip_want_outputs(model_.get(), &wanted, 1));
  load(positions, box);
  const WithoutPythonLock unlocked;
  mlip_result result{};
  result.energy_only = 1;
  check(evaluate(result));
  const double* values = nullptr;
  MLIPForce::Output found{{}, 0, perStructure_.at(name)};
  check(mlip_output(model_.get(), wanted, &values, &found.width));
  found.values.assign(values, values + found.width * (found.perStructure ? 1 : species_.size()));
  check(mlip_want_outputs(model_.get(), nullptr, 0));  // steps of the simulation compute none
  return found;
}

}  // namespace MLIPPlugin
