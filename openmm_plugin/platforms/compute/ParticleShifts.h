// SPDX-License-Identifier: MIT
// A platform moves molecules into the box; a model that sees no images needs particles where they were.
#ifndef MLIP_OPENMM_PARTICLE_SHIFTS_H
#define MLIP_OPENMM_PARTICLE_SHIFTS_H

#include <memory>
#include <vector>

#include "openmm/common/ComputeContext.h"
#include "openmm/Vec3.h"

namespace MLIPPlugin {

class ParticleShifts {
 public:
  /// Of n particles, in doubles or floats; zero at first.
  ParticleShifts(OpenMM::ComputeContext& device, size_t n, bool wide);

  /// [n][3] on the device, in nm: to be subtracted from positions.
  OpenMM::ArrayInterface& array() { return *array_; }

  /// Brings them up to date, given the place of every particle of the System, or -1.
  void update(const std::vector<int>& placeOf, const OpenMM::Vec3* box);

 private:
  OpenMM::ComputeContext& device_;
  std::vector<double> shifts_, latest_;
  std::unique_ptr<OpenMM::ArrayInterface> array_;
};

}  // namespace MLIPPlugin

#endif
