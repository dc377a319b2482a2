// SPDX-License-Identifier: MIT
#include "core/manifest.h"

#include <algorithm>

#include "core/error.h"

namespace mlip {
namespace {

constexpr int64_t kSchema = 1;

std::vector<std::string> strings(const Json& json) {
  std::vector<std::string> out;
  for (const Json& item : json.array()) out.push_back(item.string());
  return out;
}

std::map<std::string, double> numbers_by_name(const Json& json) {
  std::map<std::string, double> out;
  for (const auto& [name, value] : json.object()) out[name] = value.number();
  return out;
}

/// One number per species, in manifest order.
std::vector<double> per_species(const Json& json, const std::vector<std::string>& species) {
  std::vector<double> out;
  for (const std::string& symbol : species) out.push_back(json.at(symbol).number());
  return out;
}

double positive(const Json& json) {
  if (!(json.number() > 0.0)) json.fail_here("expected a positive number");
  return json.number();
}

int count(const Json& json) {
  if (json.integer() < 0 || json.integer() > 1000000000) json.fail_here("expected a count");
  return static_cast<int>(json.integer());
}

Differences differences(const Json& json) {
  return {json.at("energy_per_atom").number(), json.at("force").number(), json.at("virial").number()};
}

Condition condition(const std::string& name, const Json& json) {
  const std::vector<Json>& range = json.at("range").array(2);
  Condition out{name, json.at("required").boolean(), range[0].number(), range[1].number(), {}};
  if (const Json* defaults = json.find("default"); defaults != nullptr && !defaults->is_null())
    out.defaults = numbers_by_name(*defaults);
  return out;
}

Statistic statistic(const Json& json) {
  static const std::map<std::string, Statistic> known = {{"sum", Statistic::sum},
                                                         {"mean", Statistic::mean},
                                                         {"max", Statistic::max},
                                                         {"deviation_of_sums", Statistic::deviation_of_sums}};
  const auto found = known.find(json.string());
  if (found == known.end()) json.fail_here("this mlipkit does not know the statistic '" + json.string() + "'");
  return found->second;
}

bool is_text(const Json* json) {
  return json != nullptr && !json->is_null();
}

OutputSpec output(const Json& json) {
  OutputSpec out;
  out.name = json.at("name").string();
  out.unit = json.at("unit").string();
  out.width = count(json.at("width"));
  if (out.width < 1) json.fail_here("the width of an output must be at least 1");
  const std::string& per = json.at("per").string();
  if (per == "structure") {
    out.statistic = statistic(json.at("statistic"));
    out.of = json.at("of").string();
    out.factor = json.at("factor").number();
  } else if (per != "atom") {
    json.fail_here("outputs must be per atom or per structure");
  }
  if (const Json* total = json.find("sums_to"); is_text(total)) {
    if (total->string() != "total_charge" || per != "atom" || out.width != 1)
      json.fail_here("sums_to must be total_charge, of an output per atom of width 1");
    out.sums_to_charge = true;
  }
  return out;
}

/// Outputs per structure follow from one per atom.
void check_outputs(const Json& json, const std::vector<OutputSpec>& outputs) {
  for (size_t k = 0; k < outputs.size(); ++k) {
    const OutputSpec& out = outputs[k];
    if (out.statistic == Statistic::none) continue;
    const Json& entry = json.array()[k];
    const auto source = std::find_if(outputs.begin(), outputs.end(), [&](const OutputSpec& other) {
      return other.name == out.of && other.statistic == Statistic::none;
    });
    if (source == outputs.end()) entry.fail_here("there is no output per atom '" + out.of + "'");
    if (out.width != (out.statistic == Statistic::deviation_of_sums ? 1 : source->width))
      entry.fail_here("the width does not follow from that of '" + out.of + "'");
    if (out.statistic == Statistic::deviation_of_sums && source->width < 2)
      entry.fail_here("a deviation needs at least two columns of '" + out.of + "'");
  }
}

void check_units(const Json& units) {
  if (units.at("energy").string() != "eV" || units.at("length").string() != "angstrom")
    units.fail_here("this engine reads artifacts in eV and angstrom only");
}

void read_numbers(const Json& json, double* out, size_t n) {
  const std::vector<Json>& values = json.array(n);
  for (size_t k = 0; k < n; ++k) out[k] = values[k].number();
}

std::vector<double> vectors(const Json& json, size_t n_atoms) {
  std::vector<double> out(3 * n_atoms);
  const std::vector<Json>& rows = json.array(n_atoms);
  for (size_t i = 0; i < n_atoms; ++i) read_numbers(rows[i], out.data() + 3 * i, 3);
  return out;
}

ProbeStructure structure(const Json& json) {
  ProbeStructure out;
  out.species = strings(json.at("species"));
  out.positions = vectors(json.at("positions"), out.species.size());
  if (const Json& cell = json.at("cell"); !cell.is_null())
    for (size_t k = 0; k < 3; ++k) read_numbers(cell.array(3)[k], out.cell.data() + 3 * k, 3);
  for (size_t k = 0; k < 3; ++k) out.pbc[k] = json.at("pbc").array(3)[k].boolean();
  out.task = json.at("task").string();
  out.conditions = numbers_by_name(json.at("conditions"));
  out.energy = json.at("energy").number();
  out.forces = vectors(json.at("forces"), out.species.size());
  read_numbers(json.at("virial"), out.virial.data(), 6);
  if (const Json* outputs = json.find("outputs"))
    for (const auto& [name, rows] : outputs->object())
      for (const Json& row : rows.array(out.species.size()))
        for (const Json& value : row.array()) out.outputs[name].push_back(value.number());
  return out;
}

}  // namespace

void check_schema(const Json& manifest) {
  const Json& schema = manifest.at("schema");
  if (schema.integer() != kSchema)
    schema.fail_here(concat("the artifact has schema version ", schema.integer(), ", this mlipkit (", MLIP_VERSION,
                            ") reads version ", kSchema,
                            ": install the mlipkit that wrote it or export the checkpoint again"));
}

Manifest read_manifest(const Json& json, const std::string& text) {
  Manifest out;
  out.text = text;
  check_schema(json);
  check_units(json.at("units"));
  out.mlipkit_version = json.at("mlipkit_version").string();
  out.architecture = json.at("architecture").string();
  out.species = strings(json.at("species"));
  out.masses = per_species(json.at("masses"), out.species);
  out.cutoff = positive(json.at("cutoff"));
  out.interaction_range = positive(json.at("interaction_range"));
  out.n_layers = count(json.at("n_layers"));
  out.halo_exchanges = count(json.at("halo").at("exchanges"));
  out.halo_values_per_ghost = count(json.at("halo").at("values_per_ghost"));
  out.precisions = strings(json.at("precisions"));
  out.default_precision = json.at("default_precision").string();
  for (const Json& task : json.at("tasks").array())
    out.tasks.push_back(
        {task.at("name").string(), task.at("level_of_theory").string(), per_species(task.at("e0"), out.species)});
  if (out.species.empty() || out.tasks.empty()) json.fail_here("a model needs at least one species and one task");
  for (const Json& number : json.at("atomic_numbers").array(out.species.size()))
    out.atomic_numbers.push_back(count(number));
  for (const auto& [name, value] : json.at("conditions").object()) out.conditions.push_back(condition(name, value));
  for (const Json& entry : json.at("outputs").array()) out.outputs.push_back(output(entry));
  check_outputs(json.at("outputs"), out.outputs);
  for (const std::string& precision : out.precisions)
    out.tolerances[precision] = differences(json.at("tolerances").at(precision));
  if (std::find(out.precisions.begin(), out.precisions.end(), out.default_precision) == out.precisions.end())
    json.at("default_precision").fail_here("the default precision is not among the precisions");
  return out;
}

std::vector<ProbeStructure> read_probe(const Json& json) {
  std::vector<ProbeStructure> out;
  for (const Json& entry : json.at("structures").array()) out.push_back(structure(entry));
  return out;
}

}  // namespace mlip
