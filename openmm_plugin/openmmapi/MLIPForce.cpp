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

void MLIPForce::updateParametersInContext(OpenMM::Context& context) const {
  dynamic_cast<MLIPForceImpl&>(getImplInContext(context)).updateParameters(getContextImpl(context));
}

MLIPForce::Output MLIPForce::getOutput(OpenMM::Context& context, const std::string& name) const {
  return dynamic_cast<MLIPForceImpl&>(getImplInContext(context)).output(getContextImpl(context), name);
}

}  // namespace MLIPPlugin
