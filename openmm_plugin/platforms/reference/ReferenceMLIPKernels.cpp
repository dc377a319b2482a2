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

void ReferenceCalcMLIPForceKernel::gather(OpenMM::ContextImpl& context) {
  const std::vector<OpenMM::Vec3>& all = *platformData(context).positions;
  positions_.clear();
  for (const int particle : model_->particles())
    positions_.insert(positions_.end(), {all[particle][0], all[particle][1], all[particle][2]});
}

double ReferenceCalcMLIPForceKernel::execute(OpenMM::ContextImpl& context, bool includeForces, bool) {
  auto& data = platformData(context);
  const double scale = checkedScale(context, scaleParameter_);
  gather(context);
  const double energy = model_->compute(positions_, data.periodicBoxVectors, includeForces ? &forces_ : nullptr);
  for (size_t i = 0; includeForces && i < model_->particles().size(); ++i)
    for (int axis = 0; axis < 3; ++axis) (*data.forces)[model_->particles()[i]][axis] += scale * forces_[3 * i + axis];
  if (!scaleParameter_.empty()) (*data.energyParameterDerivatives)[scaleParameter_] += energy;
  return scale * energy;
}

void ReferenceCalcMLIPForceKernel::updateParameters(const MLIPForce& force) {
  model_->setConditions(force);
}

MLIPForce::Output ReferenceCalcMLIPForceKernel::output(OpenMM::ContextImpl& context, const std::string& name) {
  gather(context);
  return model_->output(positions_, platformData(context).periodicBoxVectors, name);
}

OpenMM::KernelImpl* ReferenceMLIPKernelFactory::createKernelImpl(std::string name, const OpenMM::Platform& platform,
                                                                 OpenMM::ContextImpl&) const {
  if (name == CalcMLIPForceKernel::Name()) return new ReferenceCalcMLIPForceKernel(name, platform);
  fail("unknown kernel " + name);
}

}  // namespace MLIPPlugin
