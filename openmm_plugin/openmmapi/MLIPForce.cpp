// SPDX-License-Identifier: MIT
#include "openmmapi/MLIPForce.h"

#include "openmmapi/internal/MLIPForceImpl.h"

namespace MLIPPlugin {

MLIPForce::MLIPForce(const std::string& file, const std::vector<std::string>& symbols)
    : file_(file), symbols_(symbols) {
  setName("MLIPForce");
}

OpenMM::ForceImpl* MLIPForce::createImpl() const {
  return new MLIPForceImpl(*this);
}

}  // namespace MLIPPlugin
