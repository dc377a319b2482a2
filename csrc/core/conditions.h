// SPDX-License-Identifier: MIT
//
// Values of the conditions that a model declares: defaults of the task, then what the host sets.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/manifest.h"

namespace mlip {

class Conditions {
 public:
  Conditions() = default;
  Conditions(const std::vector<Condition>& declared, const std::string& task);

  /// Throws MLIP_ERROR_ARGUMENT for an unknown name or a value outside the range.
  void set(const std::string& name, double value);
  /// All values in the manifest's order. Throws MLIP_ERROR_ARGUMENT when one that has no default was not set.
  std::vector<std::pair<std::string, double>> values() const;

 private:
  std::vector<Condition> declared_;
  std::string task_;
  std::map<std::string, double> values_;
};

}  // namespace mlip
