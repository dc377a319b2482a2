// SPDX-License-Identifier: MIT
// The force on platforms whose positions are on a device (CUDA, HIP, OpenCL), through the interface that OpenMM has for
// all of them. Positions and forces of the model's particles stay there where the model is on the same GPU; elsewhere
// they pass through main memory.
#ifndef MLIP_OPENMM_COMPUTE_MLIP_KERNELS_H
#define MLIP_OPENMM_COMPUTE_MLIP_KERNELS_H

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "openmm/common/ComputeContext.h"
#include "openmm/KernelFactory.h"
#include "openmmapi/internal/MLIPKernels.h"
#include "platforms/common/MLIPModel.h"
#include "platforms/compute/ParticleShifts.h"
#include "platforms/compute/PrimaryContext.h"

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
  void createArrays();
  void compileKernels();
  /// Positions, where the model reads them, and the box.
  void gather();
  double evaluate(bool includeForces);
  /// Adds the forces, times `scale`, to those of the platform.
  void scatter(double scale);

  OpenMM::ComputeContext& device_;
  std::unique_ptr<PrimaryContext> primary_;  // where the model is on a GPU
  std::unique_ptr<MLIPModel> model_;
  std::optional<mlip_device_arrays> shared_;  // the model's; none: it is elsewhere
  std::string scaleParameter_;
  OpenMM::Vec3 box_[3];
  bool wide_ = true;                        // whether arrays hold doubles
  std::vector<int> placeOf_;                // [particles] in the model, or -1
  std::vector<double> positions_, forces_;  // of the particles of the model, [n][3], where they pass through here
  std::unique_ptr<OpenMM::ArrayInterface> place_, transfer_;  // placeOf_, and [n][3], on the device
  std::unique_ptr<ParticleShifts> shifts_;                    // for a model without images
  OpenMM::ComputeKernel gatherPositions_, addForces_;
  OpenMM::ComputeEvent gathered_;
};

/// For a platform of this name (CUDA, HIP, OpenCL); null: another one.
OpenMM::KernelFactory* computeKernelFactory(const std::string& platform);

}  // namespace MLIPPlugin

#endif
