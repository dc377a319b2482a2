// SPDX-License-Identifier: MIT
#include "core/artifact.h"

#include <filesystem>

#include "core/sha256.h"

namespace mlip {
namespace {

std::string digest(const ExtraFiles& files, Backend& backend) {
  Sha256 sha;
  sha.update(files.manifest);
  sha.update(files.probe);
  backend.visit_tensors([&](const TensorView& tensor) {
    std::string shape;
    for (int64_t n : tensor.shape) shape += (shape.empty() ? "" : ",") + std::to_string(n);
    sha.update(tensor.name + "|" + tensor.dtype + "|" + shape + "|");
    sha.update(tensor.data, tensor.bytes);
  });
  return sha.hex();
}

void check_file(const std::string& path) {
  std::error_code code;
  if (!std::filesystem::exists(path, code))
    fail(MLIP_ERROR_ARTIFACT, "artifact ", path, " does not exist; give the file that mlip-export wrote");
  if (!std::filesystem::is_regular_file(path, code))
    fail(MLIP_ERROR_ARTIFACT, "artifact ", path, " is not a file; give the file that mlip-export wrote");
}

}  // namespace

Artifact read_artifact(const std::string& path) {
  check_file(path);
  Artifact artifact{make_backend(), {}, {}};
  const ExtraFiles files = artifact.backend->load(path);
  if (files.manifest.empty())
    fail(MLIP_ERROR_ARTIFACT, path,
         " holds no mlip.json: it is a TorchScript file but no mlipkit artifact; make one "
         "with mlip-export");
  const Json manifest = Json::parse(files.manifest, path + ": mlip.json");
  // First of all: another schema may have another checksum.
  check_schema(manifest);
  if (files.digest != digest(files, *artifact.backend))
    fail(MLIP_ERROR_ARTIFACT, path,
         " was changed after its export: its weights, manifest or probe do not fit its checksum; get the file again "
         "or export the checkpoint again");
  artifact.manifest = read_manifest(manifest, files.manifest);
  artifact.probe = read_probe(Json::parse(files.probe, path + ": probe.json"));
  return artifact;
}

}  // namespace mlip
