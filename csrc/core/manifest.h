// SPDX-License-Identifier: MIT
//
// What an artifact says about itself (mlip.json) and its reference structures (probe.json), checked and typed.
// docs/artifact.md states every field.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"

namespace mlip {

/// eV per atom, eV/angstrom and eV; the largest differences allowed on the probe, or found.
struct Differences {
  double energy_per_atom = 0.0, force = 0.0, virial = 0.0;
};

struct Task {
  std::string name, level_of_theory;
  std::vector<double> e0;  // [species] eV
};

struct Condition {
  std::string name;
  bool required = false;
  double low = 0.0, high = 0.0;
  std::map<std::string, double> defaults;  // by task
};

enum class Statistic { none, sum, mean, max, deviation_of_sums };

struct OutputSpec {
  std::string name, unit;
  int64_t width = 1;
  bool sums_to_charge = false;            // per atom: shifted so that all sum to the total charge
  Statistic statistic = Statistic::none;  // per structure: how it follows from the output `of`; none: per atom
  std::string of;
  double factor = 1.0;
};

struct Manifest {
  std::string text;  // as stored
  std::string mlipkit_version, architecture;
  std::vector<std::string> species;
  std::vector<int> atomic_numbers;  // [species]
  std::vector<double> masses;       // [species] u
  double cutoff = 0.0, interaction_range = 0.0;
  int n_layers = 0, halo_exchanges = 0, halo_values_per_ghost = 0;
  std::vector<std::string> precisions;
  std::string default_precision;
  std::vector<Task> tasks;
  std::vector<Condition> conditions;
  std::vector<OutputSpec> outputs;
  std::map<std::string, Differences> tolerances;  // by precision
};

struct ProbeStructure {
  std::vector<std::string> species;
  std::vector<double> positions;  // [n][3]
  std::array<double, 9> cell{};
  std::array<int, 3> pbc{};
  std::string task;
  std::map<std::string, double> conditions;
  double energy = 0.0;         // without E0
  std::vector<double> forces;  // [n][3]
  std::array<double, 6> virial{};
  std::map<std::string, std::vector<double>> outputs;  // [n][width]
};

/// Throws when the schema is not the one this engine reads; the rest of the manifest is not looked at.
void check_schema(const Json& manifest);
Manifest read_manifest(const Json& json, const std::string& text);
std::vector<ProbeStructure> read_probe(const Json& json);

}  // namespace mlip
