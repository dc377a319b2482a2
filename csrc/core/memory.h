// SPDX-License-Identifier: MIT
//
// How much memory an evaluation will need, before it is made: a small graph of the same density is evaluated, and its
// peak grows in proportion to the atoms. So this holds for any architecture, precision and device.
#pragma once

#include <cstdint>
#include <vector>

#include "core/backend.h"

namespace mlip {

/// Of one process.
struct GraphSize {
  int64_t n_local, n_all, n_edges;
};

/// Bytes at the peak of an evaluation, beyond what the process holds now: edges, what the tensor library holds,
/// results. `species` are those in use, as the module numbers them; `outputs` those wanted.
double predict_memory(Backend& backend, const GraphSize& size, const std::vector<int64_t>& species,
                      const Request& request, mlip_dtype type, double cutoff,
                      const std::vector<BackendOutput>& outputs);

}  // namespace mlip
