// SPDX-License-Identifier: MIT
// The force on the Reference platform and on those that derive from it (CPU): positions and forces are in main memory.
#ifndef MLIP_OPENMM_REFERENCE_MLIP_KERNELS_H
#define MLIP_OPENMM_REFERENCE_MLIP_KERNELS_H

#include <memory>
#include <string>
#include <vector>

#include "openmm/KernelFactory.h"
#include "openmmapi/internal/MLIPKernels.h"
#include "platforms/common/MLIPModel.h"

namespace MLIPPlugin {

class ReferenceCalcMLIPForceKernel : public CalcMLIPForceKernel {
 public:
  using CalcMLIPForceKernel::CalcMLIPForceKernel;

  void initialize(OpenMM::ContextImpl& context, const MLIPForce& force) override;
  double execute(OpenMM::ContextImpl& context, bool includeForces, bool includeEnergy) override;
  void updateParameters(const MLIPForce& force) override;
  MLIPForce::Output output(OpenMM::ContextImpl& context, const std::string& name) override;

 private:
  void gather(OpenMM::ContextImpl& context);

  std::unique_ptr<MLIPModel> model_;
  std::vector<double> positions_, forces_;  // of the particles of the model, [n][3]
  std::string scaleParameter_;
};

class ReferenceMLIPKernelFactory : public OpenMM::KernelFactory {
 public:
  OpenMM::KernelImpl* createKernelImpl(std::string name, const OpenMM::Platform& platform,
                                       OpenMM::ContextImpl& context) const override;
};

}  // namespace MLIPPlugin

#endif
