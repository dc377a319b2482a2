// SPDX-License-Identifier: MIT
#include "platforms/reference/ReferenceMLIPKernels.h"

#include "openmm/internal/ContextImpl.h"
#include "openmm/reference/ReferencePlatform.h"
#include "openmmapi/internal/Errors.h"

namespace MLIPPlugin {
namespace {

OpenMM::ReferencePlatform::PlatformData& platformData(OpenMM::ContextImpl& context) {
  return *static_cast<OpenMM::ReferencePlatform::PlatformData*>(context.getPlatformData());
}

}  // namespace

void ReferenceCalcMLIPForceKernel::initialize(OpenMM::ContextImpl& context, const MLIPForce& force) {
  // On the CPU platform this is its property Threads.
  const int threads = platformData(context).threads.getNumThreads();
  model_ = std::make_unique<MLIPModel>(context.getSystem(), force, threads);
}

double ReferenceCalcMLIPForceKernel::execute(OpenMM::ContextImpl& context, bool includeForces, bool) {
  auto& data = platformData(context);
  return model_->compute(*data.positions, data.periodicBoxVectors, includeForces ? data.forces : nullptr);
}

OpenMM::KernelImpl* ReferenceMLIPKernelFactory::createKernelImpl(std::string name, const OpenMM::Platform& platform,
                                                                 OpenMM::ContextImpl&) const {
  if (name == CalcMLIPForceKernel::Name()) return new ReferenceCalcMLIPForceKernel(name, platform);
  fail("unknown kernel " + name);
}

}  // namespace MLIPPlugin
