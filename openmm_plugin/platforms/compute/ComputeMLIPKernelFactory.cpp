// SPDX-License-Identifier: MIT
#include "openmm/cuda/CudaPlatform.h"
#include "openmm/hip/HipPlatform.h"
#include "openmm/internal/ContextImpl.h"
#include "openmm/opencl/OpenCLPlatform.h"
#include "openmmapi/internal/Errors.h"
#include "platforms/compute/ComputeMLIPKernels.h"

namespace MLIPPlugin {
namespace {

/// Their contexts derive from ComputeContext and from nothing else. The headers that say so need those of the devices'
/// toolkits, which few machines have that compile this.
template <class DevicePlatform>
OpenMM::ComputeContext& computeContext(OpenMM::ContextImpl& context) {
  auto* data = static_cast<typename DevicePlatform::PlatformData*>(context.getPlatformData());
  return *reinterpret_cast<OpenMM::ComputeContext*>(data->contexts[0]);
}

template <class DevicePlatform>
class Factory : public OpenMM::KernelFactory {
 public:
  OpenMM::KernelImpl* createKernelImpl(std::string name, const OpenMM::Platform& platform,
                                       OpenMM::ContextImpl& context) const override {
    if (name == CalcMLIPForceKernel::Name())
      return new ComputeCalcMLIPForceKernel(name, platform, computeContext<DevicePlatform>(context));
    fail("unknown kernel " + name);
  }
};

}  // namespace

OpenMM::KernelFactory* computeKernelFactory(const std::string& platform) {
  if (platform == "CUDA") return new Factory<OpenMM::CudaPlatform>;
  if (platform == "HIP") return new Factory<OpenMM::HipPlatform>;
  if (platform == "OpenCL") return new Factory<OpenMM::OpenCLPlatform>;
  return nullptr;
}

}  // namespace MLIPPlugin
