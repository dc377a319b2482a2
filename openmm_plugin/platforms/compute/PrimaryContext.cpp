// SPDX-License-Identifier: MIT
#include "platforms/compute/PrimaryContext.h"

#include <dlfcn.h>

#include <string>

#include "openmmapi/internal/Errors.h"

namespace MLIPPlugin {
namespace {

/// Of the driver, which is there where OpenMM's CUDA platform is, unlike its headers.
template <class... Arguments>
void call(const char* name, Arguments... arguments) {
  static void* const driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  void* const found = driver == nullptr ? nullptr : dlsym(driver, name);
  if (found == nullptr) fail(std::string("the CUDA driver (libcuda.so.1) offers no ") + name);
  const int status = reinterpret_cast<int (*)(Arguments...)>(found)(arguments...);
  if (status != 0) fail(std::string(name) + " of the CUDA driver failed with error " + std::to_string(status));
}

}  // namespace

PrimaryContext::PrimaryContext(int device) {
  call("cuInit", 0u);
  call("cuDeviceGet", &device_, device);
  call("cuDevicePrimaryCtxRetain", &context_, device_);
}

PrimaryContext::~PrimaryContext() {
  try {
    call("cuDevicePrimaryCtxRelease_v2", device_);
  } catch (const OpenMM::OpenMMException&) {  // the driver is shutting down
  }
}

PrimaryContext::Scope::Scope(const PrimaryContext* primary) : primary_(primary) {
  if (primary_ != nullptr) call("cuCtxPushCurrent_v2", primary_->context_);
}

PrimaryContext::Scope::~Scope() {
  if (primary_ == nullptr) return;
  try {
    void* popped = nullptr;
    call("cuCtxPopCurrent_v2", &popped);
  } catch (const OpenMM::OpenMMException&) {
  }
}

}  // namespace MLIPPlugin
