// SPDX-License-Identifier: MIT
#include "core/conditions.h"

#include "core/error.h"
#include "core/names.h"

namespace mlip {

Conditions::Conditions(const std::vector<Condition>& declared, const std::string& task)
    : declared_(declared), task_(task) {
  for (const Condition& condition : declared)
    if (const auto found = condition.defaults.find(task); found != condition.defaults.end())
      values_[condition.name] = found->second;
}

void Conditions::set(const std::string& name, double value) {
  std::vector<std::string> names;
  for (const Condition& condition : declared_) {
    if (condition.name == name) {
      if (!(value >= condition.low && value <= condition.high))
        fail(MLIP_ERROR_ARGUMENT, "condition ", name, " = ", value, " is outside the range of the model, ",
             condition.low, " to ", condition.high);
      values_[name] = value;
      return;
    }
    names.push_back(condition.name);
  }
  if (names.empty())
    fail(MLIP_ERROR_ARGUMENT, "the model takes no conditions, so '", name, "' cannot be set; leave it out");
  fail(MLIP_ERROR_ARGUMENT, "the model has no condition '", name, "'", nearest_hint(name, names), "; it takes ",
       joined(names));
}

std::vector<std::pair<std::string, double>> Conditions::values() const {
  std::vector<std::pair<std::string, double>> out;
  for (const Condition& condition : declared_) {
    const auto found = values_.find(condition.name);
    if (found == values_.end())
      fail(MLIP_ERROR_ARGUMENT, "the model needs a value of condition '", condition.name, "' (", condition.low, " to ",
           condition.high, ") and task '", task_, "' has no default; set it before evaluating");
    out.emplace_back(condition.name, found->second);
  }
  return out;
}

}  // namespace mlip
