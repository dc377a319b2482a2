// SPDX-License-Identifier: MIT
#include "openmmapi/internal/MLIPForceImpl.h"

#include <cmath>

#include "openmm/internal/ContextImpl.h"
#include "openmm/Platform.h"
#include "openmmapi/internal/Errors.h"
#include "openmmapi/internal/MLIPKernels.h"

namespace MLIPPlugin {

double checkedScale(OpenMM::ContextImpl& context, const std::string& parameter) {
  if (parameter.empty()) return 1.0;
  const double scale = context.getParameter(parameter);
  if (!std::isfinite(scale))
    fail("the global parameter " + parameter + ", which multiplies the energy, is " + std::to_string(scale) +
         "; set it to a number");
  return scale;
}

MLIPForceImpl::MLIPForceImpl(const MLIPForce& owner) : owner_(owner) {
  forceGroup = owner.getForceGroup();
}

void MLIPForceImpl::initialize(OpenMM::ContextImpl& context) {
  kernel_ = context.getPlatform().createKernel(CalcMLIPForceKernel::Name(), context);
  kernel_.getAs<CalcMLIPForceKernel>().initialize(context, owner_);
}

double MLIPForceImpl::calcForcesAndEnergy(OpenMM::ContextImpl& context, bool includeForces, bool includeEnergy,
                                          int groups) {
  if ((groups & (1 << forceGroup)) == 0) return 0.0;
  return kernel_.getAs<CalcMLIPForceKernel>().execute(context, includeForces, includeEnergy);
}

void MLIPForceImpl::updateParameters(OpenMM::ContextImpl& context) {
  kernel_.getAs<CalcMLIPForceKernel>().updateParameters(owner_);
  context.systemChanged();
}

MLIPForce::Output MLIPForceImpl::output(OpenMM::ContextImpl& context, const std::string& name) {
  return kernel_.getAs<CalcMLIPForceKernel>().output(context, name);
}

std::map<std::string, double> MLIPForceImpl::getDefaultParameters() {
  if (owner_.getScaleParameter().empty()) return {};
  return {{owner_.getScaleParameter(), 1.0}};
}

std::vector<std::string> MLIPForceImpl::getKernelNames() {
  return {CalcMLIPForceKernel::Name()};
}

}  // namespace MLIPPlugin
