// SPDX-License-Identifier: MIT
//
// Checks on what a host hands in and on what a model gives back: no bad index is followed, no NaN goes on.
#pragma once

#include "core/backend.h"
#include "core/edges.h"
#include "mlip/mlip.h"

namespace mlip {

/// Throws MLIP_ERROR_ARGUMENT for impossible sizes and indices and edges of no length. Gives the fault of the first
/// edge that is not finite: with a halo the process has to take part in the exchanges before it may stop.
Fault check_graph(const mlip_graph& graph, ThreadTeam& team);

/// Throws MLIP_ERROR_ARGUMENT for impossible sizes and indices.
void check_pairs(const mlip_pairs& pairs, ThreadTeam& team);

/// Throws MLIP_ERROR_NUMERIC naming the first atom whose energy, edge gradient or output is not finite.
void check_finite(const EdgeView& edges, mlip_dtype type, const BackendResult& result);

}  // namespace mlip
