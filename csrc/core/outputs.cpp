// SPDX-License-Identifier: MIT
#include "core/outputs.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/names.h"

namespace mlip {
namespace {

/// Adds the sum of each column of [n][width] to `sums`.
void add_columns(const BackendOutput& output, double* sums) {
  for (size_t k = 0; k < output.values.size(); ++k) sums[k % output.width] += output.values[k];
}

/// Sample standard deviation.
double deviation(const double* values, int64_t n) {
  double mean = 0.0, squares = 0.0;
  for (int64_t k = 0; k < n; ++k) mean += values[k] / static_cast<double>(n);
  for (int64_t k = 0; k < n; ++k) squares += (values[k] - mean) * (values[k] - mean);
  return std::sqrt(squares / static_cast<double>(n - 1));
}

}  // namespace

void Reduction::set(const mlip_reduction* callbacks) {
  if (callbacks != nullptr && (callbacks->sum == nullptr || callbacks->max == nullptr))
    fail(MLIP_ERROR_ARGUMENT, "both callbacks of a reduction, sum and max, are needed");
  callbacks_ = callbacks == nullptr ? mlip_reduction{} : *callbacks;
}

void Reduction::call(int (*callback)(void*, double*, int), const char* what, std::vector<double>& values) const {
  if (callback == nullptr || values.empty()) return;
  const int code = callback(callbacks_.host, values.data(), static_cast<int>(values.size()));
  if (code != 0)
    fail(MLIP_ERROR_HOST, "the host's ", what, " over processes failed (its callback returned ", code, ")");
}

const OutputSpec& Outputs::spec(const std::string& name) const {
  std::vector<std::string> names;
  for (const OutputSpec& known : specs_) {
    if (known.name == name) return known;
    names.push_back(known.name);
  }
  fail(MLIP_ERROR_ARGUMENT, "the model has no output '", name, "'", nearest_hint(name, names), "; it has ",
       names.empty() ? "none besides the energy" : joined(names));
}

/// Index of an output per atom in what the module gives, where it is put if need be.
size_t Outputs::place(const OutputSpec& spec, std::vector<BackendOutput>& module) {
  const auto found =
      std::find_if(module.begin(), module.end(), [&](const BackendOutput& one) { return one.name == spec.name; });
  if (found != module.end()) return found - module.begin();
  module.push_back({spec.name, spec.width, {}});
  return module.size() - 1;
}

void Outputs::want(const std::vector<std::string>& names, std::vector<BackendOutput>& module) {
  for (const std::string& name : names) spec(name);  // nothing changes when one is unknown
  wanted_ = names;
  module.clear();
  charges_.clear();
  statistics_.clear();
  for (const std::string& name : names) {
    const OutputSpec& one = spec(name);
    if (one.statistic == Statistic::none)
      place(one, module);
    else
      statistics_.push_back({&one, place(spec(one.of), module), {one.name, one.width, {}}});
  }
  for (size_t k = 0; k < module.size(); ++k)
    if (spec(module[k].name).sums_to_charge) charges_.push_back(k);
}

void Outputs::finish(std::vector<BackendOutput>& module, int64_t n_local, double total_charge,
                     const Reduction& reduction) {
  for (BackendOutput& output : module) output.values.resize(n_local * output.width);  // where no module was asked
  shift_charges(module, total_charge, reduction);
  sum_up(module, n_local, reduction);
  find_largest(module, reduction);
}

void Outputs::shift_charges(std::vector<BackendOutput>& module, double total_charge, const Reduction& reduction) const {
  if (charges_.empty()) return;
  std::vector<double> sums(charges_.size() + 1, 0.0);  // of each; number of atoms
  for (size_t k = 0; k < charges_.size(); ++k) add_columns(module[charges_[k]], &sums[k]);
  sums.back() = static_cast<double>(module[charges_[0]].values.size());
  reduction.sum(sums);
  for (size_t k = 0; k < charges_.size(); ++k) {
    const double shift = (total_charge - sums[k]) / sums.back();
    for (double& charge : module[charges_[k]].values) charge += shift;
  }
}

/// Sums, means and deviations of sums, with one call of the host.
void Outputs::sum_up(const std::vector<BackendOutput>& module, int64_t n_local, const Reduction& reduction) {
  std::vector<double> sums;
  for (Derived& one : statistics_) {
    if (one.spec->statistic == Statistic::max) continue;
    one.offset = sums.size();
    sums.resize(sums.size() + module[one.source].width, 0.0);
    add_columns(module[one.source], &sums[one.offset]);
  }
  if (sums.empty()) return;
  sums.push_back(static_cast<double>(n_local));
  reduction.sum(sums);
  for (Derived& one : statistics_) {
    const double* columns = sums.data() + one.offset;
    const int64_t width = module[one.source].width;
    std::vector<double>& out = one.output.values;
    if (one.spec->statistic == Statistic::max) continue;
    if (one.spec->statistic == Statistic::deviation_of_sums)
      out.assign(1, deviation(columns, width));
    else
      out.assign(columns, columns + width);
    const double atoms = one.spec->statistic == Statistic::mean ? std::max(sums.back(), 1.0) : 1.0;
    for (double& value : out) value *= one.spec->factor / atoms;
  }
}

/// Largest value of each column; zero where there is no atom at all.
void Outputs::find_largest(const std::vector<BackendOutput>& module, const Reduction& reduction) {
  constexpr double kLowest = -std::numeric_limits<double>::infinity();
  std::vector<double> largest;
  for (Derived& one : statistics_) {
    if (one.spec->statistic != Statistic::max) continue;
    const BackendOutput& source = module[one.source];
    one.offset = largest.size();
    largest.resize(largest.size() + source.width, kLowest);
    double* columns = &largest[one.offset];
    for (size_t k = 0; k < source.values.size(); ++k)
      columns[k % source.width] = std::max(columns[k % source.width], source.values[k]);
  }
  reduction.max(largest);
  for (Derived& one : statistics_) {
    if (one.spec->statistic != Statistic::max) continue;
    const double* columns = largest.data() + one.offset;
    one.output.values.assign(columns, columns + one.output.width);
    for (double& value : one.output.values) value = value == kLowest ? 0.0 : one.spec->factor * value;
  }
}

const BackendOutput& Outputs::get(const std::string& name, const std::vector<BackendOutput>& module) const {
  const OutputSpec& known = spec(name);
  if (std::find(wanted_.begin(), wanted_.end(), name) == wanted_.end())
    fail(MLIP_ERROR_ARGUMENT, "output '", name, "' was not wanted before the evaluation; call mlip_want_outputs");
  if (known.statistic == Statistic::none)
    return *std::find_if(module.begin(), module.end(), [&](const BackendOutput& one) { return one.name == name; });
  return std::find_if(statistics_.begin(), statistics_.end(),
                      [&](const Derived& one) { return one.spec->name == name; })
      ->output;
}

}  // namespace mlip
