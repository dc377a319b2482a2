// SPDX-License-Identifier: MIT
//
// The promise of an opened artifact: on this device and in this precision it gives what the reference gave at export.
// The evaluations also warm the backend up.
#pragma once

#include <string>
#include <vector>

#include "core/backend.h"
#include "core/manifest.h"

namespace mlip {

struct ProbeReport {
  int n_structures = 0;
  double seconds = 0.0;
  Differences largest;
};

/// Of one structure; `output` in units of what is allowed, `output_name` says of which.
struct ProbeDifferences : Differences {
  double output = 0.0;
  std::string output_name;
};

/// Evaluates the structures whose species are all in use and whose task is `task` (index into manifest.tasks). Throws
/// MLIP_ERROR_ARTIFACT when one differs by more than the tolerance, or when a species in use occurs in none of them.
ProbeReport verify_probe(Backend& backend, const Manifest& manifest, const std::vector<ProbeStructure>& structures,
                         const std::vector<int64_t>& species_in_use, int64_t task, const std::string& precision,
                         const std::string& device);

}  // namespace mlip
