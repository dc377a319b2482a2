// SPDX-License-Identifier: MIT
#ifndef MLIP_OPENMM_PYTHON_LOCK_H
#define MLIP_OPENMM_PYTHON_LOCK_H

namespace MLIPPlugin {

/// While it lives, this thread does not hold the lock of the Python interpreter (GIL). OpenMM's Python module holds it
/// in some calls, such as creating a Context; when torch has been imported too, its backward pass refuses to run then.
/// Without Python in the process, or with the lock not held, nothing happens.
class WithoutPythonLock {
 public:
  WithoutPythonLock();
  ~WithoutPythonLock();
  WithoutPythonLock(const WithoutPythonLock&) = delete;
  WithoutPythonLock& operator=(const WithoutPythonLock&) = delete;

 private:
  void* state_ = nullptr;
};

}  // namespace MLIPPlugin

#endif
