// SPDX-License-Identifier: MIT
#include "platforms/common/PythonLock.h"

#include <dlfcn.h>

namespace MLIPPlugin {
namespace {

// Functions of Python's stable C interface, looked up in the process: the plugin also serves programs without Python.
template <class Function>
Function* find(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

}  // namespace

WithoutPythonLock::WithoutPythonLock() {
  static const auto initialized = find<int()>("Py_IsInitialized");
  static const auto held = find<int()>("PyGILState_Check");
  static const auto release = find<void*()>("PyEval_SaveThread");
  if (initialized && held && release && initialized() && held()) state_ = release();
}

WithoutPythonLock::~WithoutPythonLock() {
  static const auto acquire = find<void(void*)>("PyEval_RestoreThread");
  if (state_ != nullptr) acquire(state_);
}

}  // namespace MLIPPlugin
