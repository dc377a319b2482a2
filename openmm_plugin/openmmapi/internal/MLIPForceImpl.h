// SPDX-License-Identifier: MIT
#ifndef MLIP_OPENMM_MLIP_FORCE_IMPL_H
#define MLIP_OPENMM_MLIP_FORCE_IMPL_H

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "openmm/internal/ForceImpl.h"
#include "openmm/Kernel.h"
#include "openmmapi/MLIPForce.h"

namespace MLIPPlugin {

/// What a Context holds of an MLIPForce: the kernel of its platform.
class MLIPForceImpl : public OpenMM::ForceImpl {
 public:
  explicit MLIPForceImpl(const MLIPForce& owner);

  void initialize(OpenMM::ContextImpl& context) override;
  const OpenMM::Force& getOwner() const override { return owner_; }
  void updateContextState(OpenMM::ContextImpl&, bool&) override {}
  double calcForcesAndEnergy(OpenMM::ContextImpl& context, bool includeForces, bool includeEnergy, int groups) override;
  std::map<std::string, double> getDefaultParameters() override;
  std::vector<std::pair<int, int>> getBondedParticles() const override { return owner_.getBonds(); }
  std::vector<std::string> getKernelNames() override;
  void updateParameters(OpenMM::ContextImpl& context);
  MLIPForce::Output output(OpenMM::ContextImpl& context, const std::string& name);

 private:
  const MLIPForce& owner_;
  OpenMM::Kernel kernel_;
};

}  // namespace MLIPPlugin

#endif
