// SPDX-License-Identifier: MIT
//
// Whether a number of electrons allows a spin multiplicity: 2S unpaired ones, the others in pairs.
#pragma once

#include <cstdint>
#include <vector>

#include "core/outputs.h"

namespace mlip {

class Electrons {
 public:
  Electrons() = default;
  /// Whether the model takes both conditions is asked of its manifest.
  explicit Electrons(const Manifest& manifest);

  /// The next check looks again.
  void forget() { checked_ = false; }
  /// `species` [n_local], manifest indices. Throws MLIP_ERROR_ARGUMENT on a mismatch. Collective as long as no
  /// structure with atoms was checked.
  void check(const int64_t* species, int64_t n_local, const std::vector<std::pair<std::string, double>>& conditions,
             const Reduction& reduction);

 private:
  std::vector<int> atomic_numbers_;  // empty: nothing to check
  bool checked_ = false;
};

}  // namespace mlip
