// SPDX-License-Identifier: MIT
//
// Named outputs: those per atom come from the module, those of the structure follow from them by sums over all
// processes. docs/artifact.md says how.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/manifest.h"
#include "mlip/mlip.h"

namespace mlip {

/// The host's sums over processes; without callbacks this process is alone.
class Reduction {
 public:
  /// Throws MLIP_ERROR_ARGUMENT when one callback is missing; null: alone.
  void set(const mlip_reduction* callbacks);
  bool alone() const { return callbacks_.sum == nullptr; }
  /// Throw MLIP_ERROR_HOST when the host reports a failure.
  void sum(std::vector<double>& values) const { call(callbacks_.sum, "sum", values); }
  void max(std::vector<double>& values) const { call(callbacks_.max, "maximum", values); }

 private:
  void call(int (*callback)(void*, double*, int), const char* what, std::vector<double>& values) const;
  mlip_reduction callbacks_{};
};

class Outputs {
 public:
  Outputs() = default;
  explicit Outputs(const std::vector<OutputSpec>& specs) : specs_(specs) {}

  /// What evaluations shall give from now on; `module` becomes what the module has to give for it. Throws
  /// MLIP_ERROR_ARGUMENT for an unknown name.
  void want(const std::vector<std::string>& names, std::vector<BackendOutput>& module);
  /// Whether `finish` calls the host.
  bool collective() const { return !charges_.empty() || !statistics_.empty(); }
  /// Completes what the module gave: shifts charges, computes outputs of the structure. Collective.
  void finish(std::vector<BackendOutput>& module, int64_t n_local, double total_charge, const Reduction& reduction);
  /// Throws MLIP_ERROR_ARGUMENT for an unknown name and for one that was not wanted.
  const BackendOutput& get(const std::string& name, const std::vector<BackendOutput>& module) const;

 private:
  struct Derived {
    const OutputSpec* spec;
    size_t source;  // index in what the module gives
    BackendOutput output;
    size_t offset = 0;  // in the sums
  };

  const OutputSpec& spec(const std::string& name) const;
  static size_t place(const OutputSpec& spec, std::vector<BackendOutput>& module);
  void shift_charges(std::vector<BackendOutput>& module, double total_charge, const Reduction& reduction) const;
  void sum_up(const std::vector<BackendOutput>& module, int64_t n_local, const Reduction& reduction);
  void find_largest(const std::vector<BackendOutput>& module, const Reduction& reduction);

  std::vector<OutputSpec> specs_;
  std::vector<std::string> wanted_;
  std::vector<size_t> charges_;      // of what the module gives, those that sum to the total charge
  std::vector<Derived> statistics_;  // of the structure
};

}  // namespace mlip
