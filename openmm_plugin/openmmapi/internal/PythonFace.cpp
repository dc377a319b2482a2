// SPDX-License-Identifier: MIT
// What the Python class MLIPForce calls through ctypes: OpenMM's own wrapper knows the methods of openmm.Force alone.

#include <string>

#include "openmm/Context.h"
#include "openmm/Force.h"
#include "openmmapi/internal/Errors.h"
#include "openmmapi/MLIPForce.h"

namespace {

thread_local MLIPPlugin::MLIPForce::Output output;
thread_local std::string message;

}  // namespace

/// Number of rows and where their values are, until the next call of this thread; -1: one row of the structure; -2: a
/// message in place of them.
extern "C" MLIP_OPENMM_EXPORT long mlip_openmm_output(const void* force, void* context, const char* name, int* width,
                                                      const double** values, const char** error) {
  try {
    const auto* known = dynamic_cast<const MLIPPlugin::MLIPForce*>(static_cast<const OpenMM::Force*>(force));
    if (known == nullptr) MLIPPlugin::fail("the force is another one; only an MLIPForce has outputs");
    output = known->getOutput(*static_cast<OpenMM::Context*>(context), name);
    *values = output.values.data();
    *width = output.width;
    return output.perStructure ? -1 : static_cast<long>(output.values.size()) / output.width;
  } catch (const std::exception& failure) {
    message = failure.what();
    *error = message.c_str();
    return -2;
  }
}
