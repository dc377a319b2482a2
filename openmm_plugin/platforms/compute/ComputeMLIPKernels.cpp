// SPDX-License-Identifier: MIT
#include "platforms/compute/ComputeMLIPKernels.h"

#include <cstdlib>
#include <map>

#include "openmm/common/ContextSelector.h"
#include "openmm/internal/ContextImpl.h"
#include "openmmapi/internal/Errors.h"

namespace MLIPPlugin {
namespace {

// In the language that OpenMM compiles for every platform. Atoms lie on the device in an order of their own. The arrays
// of the model are given by their addresses where it shares its memory.
const char* const SOURCE = R"(
#ifdef SHARED_MEMORY
    #define MODEL_ARRAY mm_ulong
#else
    #define MODEL_ARRAY GLOBAL NUMBER* RESTRICT
#endif

KERNEL void gatherPositions(GLOBAL const real4* RESTRICT posq, GLOBAL const real4* RESTRICT correction,
        GLOBAL const int* RESTRICT atomIndex, GLOBAL const int* RESTRICT place, GLOBAL const NUMBER* RESTRICT shifts,
        MODEL_ARRAY array) {
    GLOBAL NUMBER* positions = (GLOBAL NUMBER*) array;
    for (int k = GLOBAL_ID; k < NUM_ATOMS; k += GLOBAL_SIZE) {
        int i = place[atomIndex[k]];
        if (i < 0)
            continue;
        real4 p = posq[k];
        NUMBER x = p.x, y = p.y, z = p.z;
#ifdef CORRECTED
        real4 rest = correction[k];
        x += rest.x;
        y += rest.y;
        z += rest.z;
#endif
#ifdef SHIFTED
        x -= shifts[3*i];
        y -= shifts[3*i+1];
        z -= shifts[3*i+2];
#endif
        positions[3*i] = LENGTH_UNIT*x;
        positions[3*i+1] = LENGTH_UNIT*y;
        positions[3*i+2] = LENGTH_UNIT*z;
    }
}

KERNEL void addForces(GLOBAL mm_ulong* RESTRICT buffer, GLOBAL const int* RESTRICT atomIndex,
        GLOBAL const int* RESTRICT place, MODEL_ARRAY array, NUMBER factor) {
    GLOBAL const NUMBER* forces = (GLOBAL const NUMBER*) array;
    for (int k = GLOBAL_ID; k < NUM_ATOMS; k += GLOBAL_SIZE) {
        int i = place[atomIndex[k]];
        if (i < 0)
            continue;
        ATOMIC_ADD(&buffer[k], (mm_ulong) realToFixedPoint((real) (factor*forces[3*i])));
        ATOMIC_ADD(&buffer[k+PADDED_NUM_ATOMS], (mm_ulong) realToFixedPoint((real) (factor*forces[3*i+1])));
        ATOMIC_ADD(&buffer[k+2*PADDED_NUM_ATOMS], (mm_ulong) realToFixedPoint((real) (factor*forces[3*i+2])));
    }
}
)";

constexpr int FACTOR_ARGUMENT = 4;  // of addForces

/// "cuda:N", the first one if there are several.
std::string gpuOf(const OpenMM::Platform& platform, const OpenMM::Context& context) {
  const std::string numbers = platform.getPropertyValue(context, "DeviceIndex");
  return "cuda:" + numbers.substr(0, numbers.find(','));
}

/// The number of a GPU "cuda:N"; the platform's for "cuda".
int deviceNumber(const std::string& device, const std::string& platformGpu) {
  const std::string& name = device == "cuda" && !platformGpu.empty() ? platformGpu : device;
  const size_t colon = name.find(':');
  return colon == std::string::npos ? 0 : std::atoi(name.c_str() + colon + 1);
}

}  // namespace

ComputeCalcMLIPForceKernel::~ComputeCalcMLIPForceKernel() {
  {
    const OpenMM::ContextSelector selector(device_);
    place_.reset();
    transfer_.reset();
    shifts_.reset();
  }
  const PrimaryContext::Scope inside(primary_.get());
  model_.reset();
}

void ComputeCalcMLIPForceKernel::initialize(OpenMM::ContextImpl& context, const MLIPForce& force) {
  const OpenMM::Platform& platform = context.getPlatform();
  const bool cuda = platform.getName() == "CUDA";
  const std::string gpu = cuda ? gpuOf(platform, context.getOwner()) : "";
  if (cuda && force.getDevice().rfind("cuda", 0) == 0)
    primary_ = std::make_unique<PrimaryContext>(deviceNumber(force.getDevice(), gpu));
  {
    const PrimaryContext::Scope inside(primary_.get());
    model_ = std::make_unique<MLIPModel>(context.getSystem(), force, /*platformThreads=*/0, gpu);
    // A processor that is a platform's device works in main memory, as models on it do.
    shared_ = model_->shareMemory(device_.getIsCPU() ? "cpu" : gpu);
  }
  scaleParameter_ = force.getScaleParameter();
  const OpenMM::ContextSelector selector(device_);
  if (!scaleParameter_.empty()) device_.addEnergyParameterDerivative(scaleParameter_);
  createArrays();
  compileKernels();
}

void ComputeCalcMLIPForceKernel::createArrays() {
  const size_t n = model_->particles().size();
  wide_ = device_.getSupportsDoublePrecision();
  placeOf_.assign(device_.getPaddedNumAtoms(), -1);
  for (size_t i = 0; i < n; ++i) placeOf_[model_->particles()[i]] = static_cast<int>(i);
  place_.reset(device_.createArray());
  place_->initialize<int>(device_, placeOf_.size(), "mlipPlace");
  place_->upload(placeOf_);
  if (!model_->periodic()) shifts_ = std::make_unique<ParticleShifts>(device_, n, wide_);
  if (shared_) return;
  positions_.resize(3 * n);
  transfer_.reset(device_.createArray());
  transfer_->initialize(device_, positions_.size(), wide_ ? sizeof(double) : sizeof(float), "mlipTransfer");
}

void ComputeCalcMLIPForceKernel::compileKernels() {
  std::map<std::string, std::string> defines{{"NUM_ATOMS", std::to_string(device_.getNumAtoms())},
                                             {"PADDED_NUM_ATOMS", std::to_string(device_.getPaddedNumAtoms())},
                                             {"NUMBER", wide_ ? "double" : "float"},
                                             {"LENGTH_UNIT", shared_ ? std::to_string(ANGSTROM_PER_NM) : "1"}};
  if (device_.getUseMixedPrecision()) defines.emplace("CORRECTED", "1");
  if (shared_) defines.emplace("SHARED_MEMORY", "1");
  if (shifts_) defines.emplace("SHIFTED", "1");
  const OpenMM::ComputeProgram program = device_.compileProgram(SOURCE, defines);
  const auto addModelArray = [this](OpenMM::ComputeKernel& kernel, const double* shared) {
    if (shared_)
      kernel->addArg(reinterpret_cast<unsigned long long>(shared));
    else
      kernel->addArg(*transfer_);
  };
  gatherPositions_ = program->createKernel("gatherPositions");
  gatherPositions_->addArg(device_.getPosq());
  gatherPositions_->addArg(device_.getUseMixedPrecision() ? device_.getPosqCorrection() : device_.getPosq());
  gatherPositions_->addArg(device_.getAtomIndexArray());
  gatherPositions_->addArg(*place_);
  gatherPositions_->addArg(shifts_ ? shifts_->array() : *place_);
  addModelArray(gatherPositions_, shared_ ? shared_->positions : nullptr);
  addForces_ = program->createKernel("addForces");
  addForces_->addArg(device_.getLongForceBuffer());
  addForces_->addArg(device_.getAtomIndexArray());
  addForces_->addArg(*place_);
  addModelArray(addForces_, shared_ ? shared_->forces : nullptr);
  addForces_->addArg();  // the factor
  gathered_ = device_.createEvent();
}

void ComputeCalcMLIPForceKernel::gather() {
  const OpenMM::ContextSelector selector(device_);
  device_.getPeriodicBoxVectors(box_[0], box_[1], box_[2]);
  if (shifts_) shifts_->update(placeOf_, box_);
  gatherPositions_->execute(device_.getNumAtoms());
  if (shared_) {
    gathered_->enqueue();
    gathered_->wait();
  } else {
    transfer_->download(positions_, /*convert=*/true);
  }
}

void ComputeCalcMLIPForceKernel::scatter(double scale) {
  const OpenMM::ContextSelector selector(device_);
  if (!shared_) transfer_->upload(forces_, /*convert=*/true);
  const double factor = shared_ ? scale * FORCE_UNIT : scale;
  if (wide_)
    addForces_->setArg(FACTOR_ARGUMENT, factor);
  else
    addForces_->setArg(FACTOR_ARGUMENT, static_cast<float>(factor));
  addForces_->execute(device_.getNumAtoms());
}

double ComputeCalcMLIPForceKernel::execute(OpenMM::ContextImpl& context, bool includeForces, bool) {
  const double scale = checkedScale(context, scaleParameter_);
  gather();
  const double energy = evaluate(includeForces);
  if (includeForces) scatter(scale);
  if (!scaleParameter_.empty()) device_.getEnergyParamDerivWorkspace()[scaleParameter_] += energy;
  return scale * energy;
}

double ComputeCalcMLIPForceKernel::evaluate(bool includeForces) {
  const PrimaryContext::Scope inside(primary_.get());
  return model_->compute(positions_, box_, includeForces ? &forces_ : nullptr);
}

void ComputeCalcMLIPForceKernel::updateParameters(const MLIPForce& force) {
  const PrimaryContext::Scope inside(primary_.get());
  model_->setConditions(force);
}

MLIPForce::Output ComputeCalcMLIPForceKernel::output(OpenMM::ContextImpl&, const std::string& name) {
  gather();
  const PrimaryContext::Scope inside(primary_.get());
  return model_->output(positions_, box_, name);
}

}  // namespace MLIPPlugin
