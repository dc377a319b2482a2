// SPDX-License-Identifier: MIT
#include "platforms/reference/ReferenceMLIPKernels.h"

#include <algorithm>

#include "openmm/internal/ContextImpl.h"
#include "openmm/reference/ReferencePlatform.h"
#include "openmmapi/internal/Errors.h"

namespace MLIPPlugin {
namespace {

OpenMM::ReferencePlatform::PlatformData& platformData(OpenMM::ContextImpl& context) {
  return *static_cast<OpenMM::ReferencePlatform::PlatformData*>(context.getPlatformData());
}

/// The property Threads of the CPU platform. The Reference platform has none and computes everything on one thread.
int platformThreads(OpenMM::ContextImpl& context) {
  const std::string property = "Threads";
  const OpenMM::Platform& platform = context.getPlatform();
  const auto& names = platform.getPropertyNames();
  if (std::find(names.begin(), names.end(), property) == names.end()) return 1;
  return std::stoi(platform.getPropertyValue(context.getOwner(), property));
}

}  // namespace

void ReferenceCalcMLIPForceKernel::initialize(OpenMM::ContextImpl& context, const MLIPForce& force) {
  model_ = std::make_unique<MLIPModel>(context.getSystem(), force, platformThreads(context));
  scaleParameter_ = force.getScaleParameter();
}

double ReferenceCalcMLIPForceKernel::execute(OpenMM::ContextImpl& context, bool includeForces, bool) {
  auto& data = platformData(context);
  const double scale = scaleParameter_.empty() ? 1.0 : context.getParameter(scaleParameter_);
  const double energy =
      model_->compute(*data.positions, data.periodicBoxVectors, includeForces ? data.forces : nullptr, scale);
  if (!scaleParameter_.empty()) (*data.energyParameterDerivatives)[scaleParameter_] += energy;
  return scale * energy;
}

void ReferenceCalcMLIPForceKernel::updateParameters(const MLIPForce& force) {
  model_->setConditions(force);
}

MLIPForce::Output ReferenceCalcMLIPForceKernel::output(OpenMM::ContextImpl& context, const std::string& name) {
  auto& data = platformData(context);
  return model_->output(*data.positions, data.periodicBoxVectors, name);
}

OpenMM::KernelImpl* ReferenceMLIPKernelFactory::createKernelImpl(std::string name, const OpenMM::Platform& platform,
                                                                 OpenMM::ContextImpl&) const {
  if (name == CalcMLIPForceKernel::Name()) return new ReferenceCalcMLIPForceKernel(name, platform);
  fail("unknown kernel " + name);
}

}  // namespace MLIPPlugin
