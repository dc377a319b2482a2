// SPDX-License-Identifier: MIT
#include "openmmapi/internal/Artifact.h"

#include <filesystem>

#include "mlip/mlip.h"
#include "openmmapi/internal/Errors.h"

namespace MLIPPlugin {

std::string fileChecksum(const std::string& file) {
  char digest[65];
  check(mlip_file_sha256(file.c_str(), digest));
  return digest;
}

void requireArtifact(const std::string& file, const std::string& recorded) {
  if (recorded.empty()) return;  // the engine says what is wrong with the file
  std::error_code code;
  if (!std::filesystem::is_regular_file(file, code))
    fail("artifact " + file + " is not there; the force was made with the file whose SHA-256 is " + recorded +
         ": put it back, or create the force anew with the path it has now (in a saved system: the attribute `file` of "
         "the Force of type MLIPForce)");
  const std::string found = fileChecksum(file);
  if (found != recorded)
    fail("artifact " + file + " is not the file that the force was made with: its SHA-256 is " + found +
         ", recorded is " + recorded + "; put that file back, or create the force anew to use this one");
}

}  // namespace MLIPPlugin
