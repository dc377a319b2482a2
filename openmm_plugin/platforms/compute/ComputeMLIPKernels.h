// SPDX-License-Identifier: MIT
// The force on platforms whose positions are on a device (CUDA, HIP, OpenCL), through the interface that OpenMM has for
// all of them. Positions and forces of the model's particles pass through main memory.
#ifndef MLIP_OPENMM_COMPUTE_MLIP_KERNELS_H
#define MLIP_OPENMM_COMPUTE_MLIP_KERNELS_H

#include <memory>
#include <string>
#include <vector>

#include "openmm/common/ComputeContext.h"
#include "openmm/KernelFactory.h"
#include "openmmapi/internal/MLIPKernels.h"
#include "platforms/common/MLIPModel.h"

namespace MLIPPlugin {

class ComputeCalcMLIPForceKernel : public CalcMLIPForceKernel {
 public:
  ComputeCalcMLIPForceKernel(const std::string& name, const OpenMM::Platform& platform, OpenMM::ComputeContext& device)
      : CalcMLIPForceKernel(name, platform), device_(device) {}
  ~ComputeCalcMLIPForceKernel() override;

  void initialize(OpenMM::ContextImpl& context, const MLIPForce& force) override;
  double execute(OpenMM::ContextImpl& context, bool includeForces, bool includeEnergy) override;
  void updateParameters(const MLIPForce& force) override;
  MLIPForce::Output output(OpenMM::ContextImpl& context, const std::string& name) override;

 private:
  void compileKernels();
  /// Positions and box.
  void gather();
  void unwrap();
  void scatter(double scale);

  OpenMM::ComputeContext& device_;
  std::unique_ptr<MLIPModel> model_;
  std::string scaleParameter_;
  OpenMM::Vec3 box_[3];
  std::vector<int> placeOf_;                                  // [particles] in the model, or -1
  std::vector<double> positions_, forces_;                    // of the particles of the model, [n][3]
  std::unique_ptr<OpenMM::ArrayInterface> place_, transfer_;  // placeOf_, and [n][3], on the device
  OpenMM::ComputeKernel gatherPositions_, addForces_;
};

/// For a platform of this name (CUDA, HIP, OpenCL); null: another one.
OpenMM::KernelFactory* computeKernelFactory(const std::string& platform);

}  // namespace MLIPPlugin

#endif
