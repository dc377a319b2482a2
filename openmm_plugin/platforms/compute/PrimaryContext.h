// SPDX-License-Identifier: MIT
// OpenMM works in a CUDA context of its own; the engine, as every user of the CUDA runtime, in the primary one of its
// device, which has to be the current one while it runs.
#ifndef MLIP_OPENMM_PRIMARY_CONTEXT_H
#define MLIP_OPENMM_PRIMARY_CONTEXT_H

namespace MLIPPlugin {

class PrimaryContext {
 public:
  /// Of the device of this number.
  explicit PrimaryContext(int device);
  ~PrimaryContext();
  PrimaryContext(const PrimaryContext&) = delete;
  PrimaryContext& operator=(const PrimaryContext&) = delete;

  /// It is current in this thread as long as this lives; a null pointer changes nothing.
  class Scope {
   public:
    explicit Scope(const PrimaryContext* primary);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const PrimaryContext* primary_;
  };

 private:
  int device_ = 0;
  void* context_ = nullptr;
};

}  // namespace MLIPPlugin

#endif
