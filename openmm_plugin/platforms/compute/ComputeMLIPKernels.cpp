// SPDX-License-Identifier: MIT
#include "platforms/compute/ComputeMLIPKernels.h"

#include <map>

#include "openmm/common/ContextSelector.h"
#include "openmm/internal/ContextImpl.h"
#include "openmmapi/internal/Errors.h"

namespace MLIPPlugin {
namespace {

// In the language that OpenMM compiles for every platform. Atoms lie on the device in an order of their own.
const char* const SOURCE = R"(
KERNEL void gatherPositions(GLOBAL const real4* RESTRICT posq, GLOBAL const real4* RESTRICT correction,
        GLOBAL const int* RESTRICT atomIndex, GLOBAL const int* RESTRICT place, GLOBAL mixed* RESTRICT positions) {
    for (int k = GLOBAL_ID; k < NUM_ATOMS; k += GLOBAL_SIZE) {
        int i = place[atomIndex[k]];
        if (i < 0)
            continue;
        real4 p = posq[k];
#ifdef CORRECTED
        real4 rest = correction[k];
        positions[3*i] = (mixed) p.x + (mixed) rest.x;
        positions[3*i+1] = (mixed) p.y + (mixed) rest.y;
        positions[3*i+2] = (mixed) p.z + (mixed) rest.z;
#else
        positions[3*i] = p.x;
        positions[3*i+1] = p.y;
        positions[3*i+2] = p.z;
#endif
    }
}

KERNEL void addForces(GLOBAL mm_ulong* RESTRICT buffer, GLOBAL const int* RESTRICT atomIndex,
        GLOBAL const int* RESTRICT place, GLOBAL const mixed* RESTRICT forces) {
    for (int k = GLOBAL_ID; k < NUM_ATOMS; k += GLOBAL_SIZE) {
        int i = place[atomIndex[k]];
        if (i < 0)
            continue;
        ATOMIC_ADD(&buffer[k], (mm_ulong) realToFixedPoint((real) forces[3*i]));
        ATOMIC_ADD(&buffer[k+PADDED_NUM_ATOMS], (mm_ulong) realToFixedPoint((real) forces[3*i+1]));
        ATOMIC_ADD(&buffer[k+2*PADDED_NUM_ATOMS], (mm_ulong) realToFixedPoint((real) forces[3*i+2]));
    }
}
)";

}  // namespace

ComputeCalcMLIPForceKernel::~ComputeCalcMLIPForceKernel() {
  const OpenMM::ContextSelector selector(device_);
  place_.reset();
  transfer_.reset();
}

void ComputeCalcMLIPForceKernel::initialize(OpenMM::ContextImpl& context, const MLIPForce& force) {
  model_ = std::make_unique<MLIPModel>(context.getSystem(), force, /*platformThreads=*/0);
  scaleParameter_ = force.getScaleParameter();
  const OpenMM::ContextSelector selector(device_);
  if (!scaleParameter_.empty()) device_.addEnergyParameterDerivative(scaleParameter_);
  compileKernels();
}

void ComputeCalcMLIPForceKernel::compileKernels() {
  const auto n = static_cast<int>(model_->particles().size());
  const bool wide = device_.getUseDoublePrecision() || device_.getUseMixedPrecision();
  positions_.resize(3 * model_->particles().size());
  placeOf_.assign(device_.getPaddedNumAtoms(), -1);
  for (int i = 0; i < n; ++i) placeOf_[model_->particles()[i]] = i;
  place_.reset(device_.createArray());
  place_->initialize<int>(device_, placeOf_.size(), "mlipPlace");
  place_->upload(placeOf_);
  transfer_.reset(device_.createArray());
  transfer_->initialize(device_, positions_.size(), wide ? sizeof(double) : sizeof(float), "mlipTransfer");

  std::map<std::string, std::string> defines{{"NUM_ATOMS", std::to_string(device_.getNumAtoms())},
                                             {"PADDED_NUM_ATOMS", std::to_string(device_.getPaddedNumAtoms())}};
  if (device_.getUseMixedPrecision()) defines.emplace("CORRECTED", "1");
  const OpenMM::ComputeProgram program = device_.compileProgram(SOURCE, defines);
  gatherPositions_ = program->createKernel("gatherPositions");
  gatherPositions_->addArg(device_.getPosq());
  gatherPositions_->addArg(device_.getUseMixedPrecision() ? device_.getPosqCorrection() : device_.getPosq());
  gatherPositions_->addArg(device_.getAtomIndexArray());
  gatherPositions_->addArg(*place_);
  gatherPositions_->addArg(*transfer_);
  addForces_ = program->createKernel("addForces");
  addForces_->addArg(device_.getLongForceBuffer());
  addForces_->addArg(device_.getAtomIndexArray());
  addForces_->addArg(*place_);
  addForces_->addArg(*transfer_);
}

void ComputeCalcMLIPForceKernel::gather() {
  const OpenMM::ContextSelector selector(device_);
  gatherPositions_->execute(device_.getNumAtoms());
  transfer_->download(positions_, /*convert=*/true);
  device_.getPeriodicBoxVectors(box_[0], box_[1], box_[2]);
  if (!model_->periodic()) unwrap();
}

/// The platform moves molecules into the box; where the model sees no images, they have to be where they were.
void ComputeCalcMLIPForceKernel::unwrap() {
  const std::vector<OpenMM::mm_int4>& offsets = device_.getPosCellOffsets();
  const std::vector<int>& atomIndex = device_.getAtomIndex();
  for (int k = 0; k < device_.getNumAtoms(); ++k) {
    const int i = placeOf_[atomIndex[k]];
    if (i < 0) continue;
    const OpenMM::Vec3 shift = box_[0] * offsets[k].x + box_[1] * offsets[k].y + box_[2] * offsets[k].z;
    for (int axis = 0; axis < 3; ++axis) positions_[3 * i + axis] -= shift[axis];
  }
}

void ComputeCalcMLIPForceKernel::scatter(double scale) {
  for (double& component : forces_) component *= scale;
  const OpenMM::ContextSelector selector(device_);
  transfer_->upload(forces_, /*convert=*/true);
  addForces_->execute(device_.getNumAtoms());
}

double ComputeCalcMLIPForceKernel::execute(OpenMM::ContextImpl& context, bool includeForces, bool) {
  const double scale = checkedScale(context, scaleParameter_);
  gather();
  const double energy = model_->compute(positions_, box_, includeForces ? &forces_ : nullptr);
  if (includeForces) scatter(scale);
  if (!scaleParameter_.empty()) device_.getEnergyParamDerivWorkspace()[scaleParameter_] += energy;
  return scale * energy;
}

void ComputeCalcMLIPForceKernel::updateParameters(const MLIPForce& force) {
  model_->setConditions(force);
}

MLIPForce::Output ComputeCalcMLIPForceKernel::output(OpenMM::ContextImpl&, const std::string& name) {
  gather();
  return model_->output(positions_, box_, name);
}

}  // namespace MLIPPlugin
