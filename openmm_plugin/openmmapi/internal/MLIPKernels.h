// SPDX-License-Identifier: MIT
// What a platform has to provide for an MLIPForce.
#ifndef MLIP_OPENMM_MLIP_KERNELS_H
#define MLIP_OPENMM_MLIP_KERNELS_H

#include <string>

#include "openmm/KernelImpl.h"
#include "openmm/Platform.h"
#include "openmmapi/MLIPForce.h"

namespace MLIPPlugin {

/// The factor of the energy that a Context has now; 1 where the force names no parameter.
double checkedScale(OpenMM::ContextImpl& context, const std::string& parameter);

class CalcMLIPForceKernel : public OpenMM::KernelImpl {
 public:
  static std::string Name() { return "CalcMLIPForce"; }

  CalcMLIPForceKernel(const std::string& name, const OpenMM::Platform& platform) : KernelImpl(name, platform) {}

  /// Opens the artifact for the particles of the System; throws when the two do not fit together.
  virtual void initialize(OpenMM::ContextImpl& context, const MLIPForce& force) = 0;

  /// Adds the forces to those of the Context when they are wanted, and returns the energy in kJ/mol.
  virtual double execute(OpenMM::ContextImpl& context, bool includeForces, bool includeEnergy) = 0;

  /// Takes over the conditions that the force has now.
  virtual void updateParameters(const MLIPForce& force) = 0;

  /// A named output for the positions of the Context.
  virtual MLIPForce::Output output(OpenMM::ContextImpl& context, const std::string& name) = 0;
};

}  // namespace MLIPPlugin

#endif
