// SPDX-License-Identifier: MIT
// Every failure is an OpenMMException whose message starts with the name of the force.
#ifndef MLIP_OPENMM_ERRORS_H
#define MLIP_OPENMM_ERRORS_H

#include <string>

#include "mlip/mlip.h"
#include "openmm/OpenMMException.h"

namespace MLIPPlugin {

[[noreturn]] inline void fail(const std::string& message) {
  throw OpenMM::OpenMMException("MLIPForce: " + message);
}

/// Throws what the engine says when one of its functions failed.
inline void check(mlip_status status) {
  if (status != MLIP_OK) fail(mlip_last_error());
}

}  // namespace MLIPPlugin

#endif
