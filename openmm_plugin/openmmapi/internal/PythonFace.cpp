// SPDX-License-Identifier: MIT
// What the Python class MLIPForce calls through ctypes: OpenMM's own wrapper knows the methods of openmm.Force alone.

#include <string>

#include "openmm/Context.h"
#include "openmm/Force.h"
#include "openmmapi/internal/Errors.h"
#include "openmmapi/MLIPForce.h"

namespace {

using MLIPPlugin::MLIPForce;

thread_local MLIPForce::Output output;
thread_local std::string message;

MLIPForce& known(void* force) {
  auto* found = dynamic_cast<MLIPForce*>(static_cast<OpenMM::Force*>(force));
  if (found == nullptr) MLIPPlugin::fail("the force is of another class");
  return *found;
}

/// Null, or what went wrong, until the next call of this thread.
template <class Work>
const char* guarded(Work work) {
  try {
    work();
    return nullptr;
  } catch (const std::exception& failure) {
    message = failure.what();
    return message.c_str();
  }
}

}  // namespace

/// Whether the object behind a pointer to OpenMM::Force is an MLIPForce.
extern "C" MLIP_OPENMM_EXPORT int mlip_openmm_is_ours(void* force) {
  return dynamic_cast<MLIPForce*>(static_cast<OpenMM::Force*>(force)) != nullptr;
}

/// Values until the next call of this thread: `rows` times `width`; -1: one row of the structure.
extern "C" MLIP_OPENMM_EXPORT const char* mlip_openmm_output(void* force, void* context, const char* name, long* rows,
                                                             int* width, const double** values) {
  return guarded([&] {
    output = known(force).getOutput(*static_cast<OpenMM::Context*>(context), name);
    *values = output.values.data();
    *width = output.width;
    *rows = output.perStructure ? -1 : static_cast<long>(output.values.size()) / output.width;
  });
}

extern "C" MLIP_OPENMM_EXPORT void mlip_openmm_set_total_charge(void* force, double charge) {
  known(force).setTotalCharge(charge);
}

extern "C" MLIP_OPENMM_EXPORT void mlip_openmm_set_spin_multiplicity(void* force, double multiplicity) {
  known(force).setSpinMultiplicity(multiplicity);
}

extern "C" MLIP_OPENMM_EXPORT void mlip_openmm_set_precision(void* force, const char* precision) {
  known(force).setPrecision(precision);
}

extern "C" MLIP_OPENMM_EXPORT const char* mlip_openmm_update(void* force, void* context) {
  return guarded([&] { known(force).updateParametersInContext(*static_cast<OpenMM::Context*>(context)); });
}
