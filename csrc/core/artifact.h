// SPDX-License-Identifier: MIT
//
// Reading an artifact: archive, manifest, probe, checksum.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/manifest.h"

namespace mlip {

struct Artifact {
  std::unique_ptr<Backend> backend;  // loaded, not yet prepared
  Manifest manifest;
  std::vector<ProbeStructure> probe;
};

/// Throws MLIP_ERROR_ARTIFACT when the file is missing, broken, of another schema, or not what its checksum says.
Artifact read_artifact(const std::string& path);

}  // namespace mlip
