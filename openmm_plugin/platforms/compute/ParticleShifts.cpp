// SPDX-License-Identifier: MIT
#include "platforms/compute/ParticleShifts.h"

namespace MLIPPlugin {

ParticleShifts::ParticleShifts(OpenMM::ComputeContext& device, size_t n, bool wide)
    : device_(device), shifts_(3 * n, 0.0), latest_(3 * n, 0.0), array_(device.createArray()) {
  array_->initialize(device, 3 * n, wide ? sizeof(double) : sizeof(float), "mlipShifts");
  array_->upload(shifts_, /*convert=*/true);
}

void ParticleShifts::update(const std::vector<int>& placeOf, const OpenMM::Vec3* box) {
  const std::vector<OpenMM::mm_int4>& offsets = device_.getPosCellOffsets();
  const std::vector<int>& atomIndex = device_.getAtomIndex();
  for (int k = 0; k < device_.getNumAtoms(); ++k) {
    const int i = placeOf[atomIndex[k]];
    if (i < 0) continue;
    const OpenMM::Vec3 shift = box[0] * offsets[k].x + box[1] * offsets[k].y + box[2] * offsets[k].z;
    for (int axis = 0; axis < 3; ++axis) latest_[3 * i + axis] = shift[axis];
  }
  if (latest_ == shifts_) return;
  shifts_ = latest_;
  array_->upload(shifts_, /*convert=*/true);
}

}  // namespace MLIPPlugin
