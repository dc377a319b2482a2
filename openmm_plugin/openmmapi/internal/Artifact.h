// SPDX-License-Identifier: MIT
// The artifact as a file: by its SHA-256 a force that was saved recognises it.
#ifndef MLIP_OPENMM_ARTIFACT_H
#define MLIP_OPENMM_ARTIFACT_H

#include <string>

namespace MLIPPlugin {

/// SHA-256 of the file, 64 hexadecimal digits; throws OpenMMException when it cannot be read.
std::string fileChecksum(const std::string& file);

/// Throws OpenMMException when the file is missing, or its checksum is not the recorded one. Empty: none recorded.
void requireArtifact(const std::string& file, const std::string& recorded);

}  // namespace MLIPPlugin

#endif
