// SPDX-License-Identifier: MIT
#include "core/probe.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>

#include "core/graph_check.h"
#include "core/outputs.h"
#include "core/reduce.h"
#include "neighbours/neighbour_list.h"

namespace mlip {
namespace {

/// Manifest indices of the structure's atoms; empty when some species is not in use.
std::vector<int64_t> species_of(const ProbeStructure& structure, const Manifest& manifest,
                                const std::set<int64_t>& in_use) {
  std::vector<int64_t> indices;
  for (const std::string& symbol : structure.species) {
    const auto found = std::find(manifest.species.begin(), manifest.species.end(), symbol);
    const int64_t index = found - manifest.species.begin();
    if (found == manifest.species.end() || in_use.count(index) == 0) return {};
    indices.push_back(index);
  }
  return indices;
}

double largest_difference(const double* a, const double* b, size_t n) {
  double largest = 0.0;
  for (size_t k = 0; k < n; ++k) {
    const double difference = std::abs(a[k] - b[k]);
    if (std::isnan(difference)) return difference;
    largest = std::max(largest, difference);
  }
  return largest;
}

/// Named outputs per atom against their references, in units of the largest reference, at least 1.
void compare_outputs(const std::vector<BackendOutput>& outputs, const ProbeStructure& structure,
                     ProbeDifferences& found) {
  for (const BackendOutput& output : outputs) {
    const auto reference = structure.outputs.find(output.name);
    if (reference == structure.outputs.end()) continue;
    const std::vector<double>& wanted = reference->second;
    if (wanted.size() != output.values.size())
      fail(MLIP_ERROR_ARTIFACT, "the probe holds ", wanted.size(), " values of output '", output.name,
           "', the model gives ", output.values.size(), "; export the checkpoint again");
    double scale = 1.0;
    for (double value : wanted) scale = std::max(scale, std::abs(value));
    const double difference = largest_difference(output.values.data(), wanted.data(), wanted.size()) / scale;
    if (difference <= found.output) continue;
    found.output = difference;
    found.output_name = output.name;
  }
}

ProbeDifferences compare(Backend& backend, const Manifest& manifest, const ProbeStructure& structure,
                         const std::vector<int64_t>& species, int64_t task, mlip_dtype type) {
  const int64_t n = static_cast<int64_t>(species.size());
  NeighbourList list(manifest.cutoff, 0.0);
  ThreadTeam& team = backend.team();
  const PairView pairs =
      list.candidates(n, structure.positions.data(), structure.cell.data(), structure.pbc.data(), team);
  Edges edges(type);
  if (const Fault fault = edges.filter(pairs, structure.positions.data(), list.cell(), manifest.cutoff, team))
    throw Error(fault.status, fault.message);
  BackendInput input{n, n, species.data(), edges.view(), {task, {}, true, false}};
  for (const auto& [name, value] : structure.conditions) input.request.conditions.emplace_back(name, value);
  BackendResult result;
  std::vector<std::string> names;
  for (const OutputSpec& output : manifest.outputs) names.push_back(output.name);
  Outputs outputs(manifest.outputs);
  outputs.want(names, result.outputs);
  backend.evaluate(input, nullptr, result);
  const auto charge = structure.conditions.find("total_charge");
  outputs.finish(result.outputs, n, charge == structure.conditions.end() ? 0.0 : charge->second, Reduction());
  check_finite(edges.view(), type, result);

  std::vector<double> forces(3 * n);
  double virial[6], energy = 0.0;
  Reducer(type).reduce(edges.view(), result.edge_gradients, n, {forces.data(), virial, nullptr}, team);
  for (double e : result.energies) energy += e;
  ProbeDifferences found{{std::abs(energy - structure.energy) / static_cast<double>(n),
                          largest_difference(forces.data(), structure.forces.data(), forces.size()),
                          largest_difference(virial, structure.virial.data(), 6)},
                         0.0,
                         {}};
  compare_outputs(result.outputs, structure, found);
  return found;
}

void check_quantity(const char* quantity, const char* unit, double found, double allowed, size_t index,
                    const std::string& precision, const std::string& device) {
  if (found <= allowed) return;
  fail(MLIP_ERROR_ARTIFACT, "the artifact does not reproduce its own reference: probe structure ", index, ", ",
       quantity, " differs by ", found, " ", unit, ", allowed is ", allowed, " (precision ", precision, ", device ",
       device, "); it was altered or this installation computes wrongly: get the file again, or try device cpu");
}

/// Tables of the radial weights may change a thousand times what rounding in double precision may: a force by 1e-5
/// eV/angstrom, or 1e-5 of the largest in the probe structures.
constexpr double kTableFactor = 1000.0;

Differences tolerance(const Manifest& manifest, const std::string& precision, bool tabulated) {
  Differences allowed = manifest.tolerances.at(precision);
  const auto rounding = manifest.tolerances.find("double");
  if (!tabulated || rounding == manifest.tolerances.end()) return allowed;
  allowed.energy_per_atom = std::max(allowed.energy_per_atom, kTableFactor * rounding->second.energy_per_atom);
  allowed.force = std::max(allowed.force, kTableFactor * rounding->second.force);
  allowed.virial = std::max(allowed.virial, kTableFactor * rounding->second.virial);
  return allowed;
}

void check_coverage(const Manifest& manifest, const std::set<int64_t>& in_use, const std::set<int64_t>& seen,
                    const std::string& task) {
  for (int64_t index : in_use)
    if (seen.count(index) == 0)
      fail(MLIP_ERROR_ARTIFACT, "no probe structure of task '", task, "' covers species ", manifest.species[index],
           ", so the artifact cannot be verified; export the checkpoint again");
}

}  // namespace

ProbeReport verify_probe(Backend& backend, const Manifest& manifest, const std::vector<ProbeStructure>& structures,
                         const std::vector<int64_t>& species_in_use, int64_t task, const std::string& precision,
                         const std::string& device) {
  const mlip_dtype type = precision == "single" ? MLIP_FLOAT32 : MLIP_FLOAT64;
  const auto start = std::chrono::steady_clock::now();
  const std::set<int64_t> in_use(species_in_use.begin(), species_in_use.end());
  const Differences allowed = tolerance(manifest, precision, backend.tabulated());
  std::set<int64_t> seen;
  ProbeReport report;
  for (size_t s = 0; s < structures.size(); ++s) {
    if (structures[s].task != manifest.tasks[task].name) continue;
    const std::vector<int64_t> species = species_of(structures[s], manifest, in_use);
    if (species.empty()) continue;
    const ProbeDifferences found = compare(backend, manifest, structures[s], species, task, type);
    check_quantity("the energy", "eV per atom", found.energy_per_atom, allowed.energy_per_atom, s, precision, device);
    check_quantity("a force", "eV/angstrom", found.force, allowed.force, s, precision, device);
    check_quantity("the virial", "eV", found.virial, allowed.virial, s, precision, device);
    check_quantity(("output '" + found.output_name + "'").c_str(), "of its largest value", found.output, allowed.force,
                   s, precision, device);
    report.largest.energy_per_atom = std::max(report.largest.energy_per_atom, found.energy_per_atom);
    report.largest.force = std::max(report.largest.force, found.force);
    report.largest.virial = std::max(report.largest.virial, found.virial);
    ++report.n_structures;
    seen.insert(species.begin(), species.end());
  }
  check_coverage(manifest, in_use, seen, manifest.tasks[task].name);
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace mlip
