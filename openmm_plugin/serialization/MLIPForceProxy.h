// SPDX-License-Identifier: MIT
#ifndef MLIP_OPENMM_MLIP_FORCE_PROXY_H
#define MLIP_OPENMM_MLIP_FORCE_PROXY_H

#include "openmm/serialization/SerializationProxy.h"

namespace MLIPPlugin {

/// Saves path and SHA-256 of the artifact, the chemical symbols and all options; never the artifact itself.
class MLIPForceProxy : public OpenMM::SerializationProxy {
 public:
  MLIPForceProxy();
  void serialize(const void* object, OpenMM::SerializationNode& node) const override;
  void* deserialize(const OpenMM::SerializationNode& node) const override;
};

}  // namespace MLIPPlugin

#endif
