// SPDX-License-Identifier: MIT
#include "core/electrons.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace mlip {
namespace {

double value_of(const std::vector<std::pair<std::string, double>>& conditions, const std::string& name) {
  for (const auto& [known, value] : conditions)
    if (known == name) return value;
  return 0.0;
}

}  // namespace

Electrons::Electrons(const Manifest& manifest) {
  const auto takes = [&](const char* name) {
    return std::any_of(manifest.conditions.begin(), manifest.conditions.end(),
                       [&](const Condition& condition) { return condition.name == name; });
  };
  if (takes("total_charge") && takes("spin_multiplicity")) atomic_numbers_ = manifest.atomic_numbers;
}

void Electrons::check(const int64_t* species, int64_t n_local,
                      const std::vector<std::pair<std::string, double>>& conditions, const Reduction& reduction) {
  if (checked_ || atomic_numbers_.empty()) return;
  std::vector<double> sums = {0.0, static_cast<double>(n_local)};
  for (int64_t i = 0; i < n_local; ++i) sums[0] += atomic_numbers_[species[i]];
  reduction.sum(sums);
  if (sums[1] == 0.0) return;  // no structure yet
  checked_ = true;
  const double charge = value_of(conditions, "total_charge"), multiplicity = value_of(conditions, "spin_multiplicity");
  const double electrons = sums[0] - charge, unpaired = multiplicity - 1.0;
  if (electrons != std::round(electrons) || unpaired != std::round(unpaired)) return;
  if (unpaired <= electrons && std::fmod(electrons - unpaired, 2.0) == 0.0) return;
  forget();  // the host may try the same again
  fail(MLIP_ERROR_ARGUMENT, "spin_multiplicity = ", multiplicity, " (", unpaired,
       " unpaired electrons) is impossible for the ", static_cast<int64_t>(electrons), " electrons of this structure (",
       static_cast<int64_t>(sums[0]), " protons, total_charge = ", charge,
       "); set spin_multiplicity or total_charge so that they fit");
}

}  // namespace mlip
