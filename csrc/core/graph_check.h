// SPDX-License-Identifier: MIT
//
// Checks on what a host hands in and on what a model gives back: no bad index is followed, no NaN goes on.
#pragma once

#include <string>

#include "core/backend.h"
#include "mlip/mlip.h"

namespace mlip {

/// Throws MLIP_ERROR_ARGUMENT for impossible indices and edges of no length. Gives the message about the first edge
/// that is not finite, "" when all are: with a halo the process has to take part in the exchanges before it may stop.
std::string check_graph(const mlip_graph& graph, int n_species);

/// Throws MLIP_ERROR_NUMERIC naming the first atom whose energy, edge gradient or output is not finite.
void check_finite(const BackendInput& input, const BackendResult& result);

}  // namespace mlip
