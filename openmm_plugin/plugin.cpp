// SPDX-License-Identifier: MIT
// What OpenMM calls after loading this library. A plugin sees OpenMM's classes from inside, so it serves only the
// version it was compiled for: with another one, loading stops and says what to do.

#include <cstdlib>
#include <string>
#include <typeinfo>

#include "mlip/mlip.h"
#include "openmm/Platform.h"
#include "openmm/reference/ReferencePlatform.h"
#include "openmm/serialization/SerializationProxy.h"
#include "openmmapi/internal/Errors.h"
#include "openmmapi/internal/MLIPKernels.h"
#include "openmmapi/MLIPForce.h"
#include "platforms/compute/ComputeMLIPKernels.h"
#include "platforms/reference/ReferenceMLIPKernels.h"
#include "serialization/MLIPForceProxy.h"

namespace {

void requireVersions() {
  const std::string& loader = OpenMM::Platform::getOpenMMVersion();
  if (loader != MLIP_OPENMM_VERSION)
    MLIPPlugin::fail("the plugin was compiled for OpenMM " MLIP_OPENMM_VERSION ", but this is OpenMM " + loader +
                     ". Rebuild mlipkit in the environment of this OpenMM: pip install --force-reinstall --no-deps "
                     "--no-build-isolation <folder of mlipkit>");
  if (mlip_interface_version() != MLIP_INTERFACE_VERSION)
    MLIPPlugin::fail("the plugin was compiled for interface " + std::to_string(MLIP_INTERFACE_VERSION) +
                     " of libmlip, but the libmlip " + mlip_version() + " beside it has interface " +
                     std::to_string(mlip_interface_version()) +
                     ". Reinstall mlipkit: pip install --force-reinstall --no-deps <folder of mlipkit>");
}

// Threads of the tensor library that wait for work sleep rather than spin. Spinning ones gain a little on cores of
// their own; on cores that others use too, OpenMM's threads among them, a step takes up to fifty times as long. Has an
// effect when the OpenMP library is not loaded yet, and the user has not chosen.
void letIdleThreadsSleep() {
  setenv("OMP_WAIT_POLICY", "passive", /*overwrite=*/0);
}

}  // namespace

extern "C" MLIP_OPENMM_EXPORT void registerPlatforms() {
  requireVersions();
  letIdleThreadsSleep();
}

extern "C" MLIP_OPENMM_EXPORT void registerKernelFactories() {
  using OpenMM::Platform;
  OpenMM::SerializationProxy::registerProxy(typeid(MLIPPlugin::MLIPForce), new MLIPPlugin::MLIPForceProxy());
  for (int i = 0; i < Platform::getNumPlatforms(); ++i) {
    Platform& platform = Platform::getPlatform(i);
    OpenMM::KernelFactory* factory = dynamic_cast<OpenMM::ReferencePlatform*>(&platform) != nullptr
                                         ? new MLIPPlugin::ReferenceMLIPKernelFactory()
                                         : MLIPPlugin::computeKernelFactory(platform.getName());
    if (factory != nullptr) platform.registerKernelFactory(MLIPPlugin::CalcMLIPForceKernel::Name(), factory);
  }
}
