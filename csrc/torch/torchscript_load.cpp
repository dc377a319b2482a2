// SPDX-License-Identifier: MIT
//
// Opening: the archive with its extra files, the tensors for the checksum, the cast to a precision and a device.
#include <ATen/ops/tensor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/cuda.h>
#include <torch/version.h>
#include "torch/parallel.h"

#include <algorithm>

#include "torch/device.h"
#include "torch/device_pairs.h"
#include "torch/messages.h"
#include "torch/torchscript_backend.h"

namespace mlip {
namespace {

/// As Python writes it, without "torch.".
const char* dtype_name(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    case at::kLong:
      return "int64";
    case at::kInt:
      return "int32";
    case at::kShort:
      return "int16";
    case at::kChar:
      return "int8";
    case at::kByte:
      return "uint8";
    case at::kBool:
      return "bool";
    default:
      fail(MLIP_ERROR_ARTIFACT, "the artifact holds a tensor of type ", c10::toString(type),
           ", which artifacts do not use; export the checkpoint again");
  }
}

/// Parameters and buffers of a module and all of its parts.
std::vector<std::pair<std::string, at::Tensor>> named_tensors(const torch::jit::Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const auto& parameter : module.named_parameters()) tensors.emplace_back(parameter.name, parameter.value);
  for (const auto& buffer : module.named_buffers()) tensors.emplace_back(buffer.name, buffer.value);
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return tensors;
}

/// torch adds guesses on its own file format to what went wrong.
std::string without_advice(const std::string& reason) {
  return reason.substr(0, reason.find(". This is an internal"));
}

int64_t count_devices() {
  return torch::cuda::is_available() ? static_cast<int64_t>(torch::cuda::device_count()) : 0;
}

at::Device checked_device(const std::string& name) {
  const at::Device device(name);
  if (device.is_cpu()) return device;
  const int64_t found = count_devices();
  if (device.index() >= found || found == 0)
    fail(MLIP_ERROR_ARGUMENT, "device ", name, " is not available: torch ", TORCH_VERSION, " sees ", found,
         " CUDA device(s); use device cpu, or install a CUDA build of torch and a driver");
  return device;
}

}  // namespace

int TorchScriptBackend::cuda_devices() const {
  return static_cast<int>(count_devices());
}

ExtraFiles TorchScriptBackend::load(const std::string& path) {
  torch::jit::ExtraFilesMap files{{"mlip.json", ""}, {"probe.json", ""}, {"mlip.sha256", ""}, {"torchforce.json", ""}};
  try {
    module_ = torch::jit::load(path, at::Device(at::kCPU), files);
  } catch (const std::exception& error) {
    const std::string reason = without_advice(one_line(error));
    // What torch.save writes, checkpoints included, has no constants of code.
    if (reason.find("constants.pkl") != std::string::npos)
      fail(MLIP_ERROR_ARTIFACT, path,
           " is no artifact but a checkpoint, or another file of torch.save; freeze the checkpoint: mlip-export ", path,
           " -o model.pt");
    fail(MLIP_ERROR_ARTIFACT, path,
         " cannot be read as an artifact: it is damaged, truncated or another kind of file (", reason,
         "); copy it again or export the checkpoint again");
  }
  if (!files["torchforce.json"].empty())
    fail(MLIP_ERROR_ARTIFACT, path,
         " is no artifact but a file for OpenMM's TorchForce, made for one list of atoms; give the artifact, which "
         "mlip-export writes from the same checkpoint without --format torchforce");
  if (!module_.find_method("forward").has_value())
    fail(MLIP_ERROR_ARTIFACT, path, " holds no model with a forward method; make an artifact with mlip-export");
  return {files["mlip.json"], files["probe.json"], files["mlip.sha256"]};
}

void TorchScriptBackend::visit_tensors(const std::function<void(const TensorView&)>& visit) {
  for (const auto& [name, tensor] : named_tensors(module_)) {
    const at::Tensor stored = tensor.detach().contiguous();
    visit({name, dtype_name(stored.scalar_type()), stored.sizes().vec(), stored.const_data_ptr(), stored.nbytes()});
  }
}

bool TorchScriptBackend::prepare_module(const std::vector<int64_t>& species, bool tables) {
  const auto method = module_.find_method("prepare");
  if (!method.has_value()) return false;
  const at::NoGradGuard no_gradient;
  const bool kernels = device_.is_cpu() || has_cuda_kernels();  // without them tables would be slower than networks
  return (*method)({at::tensor(species, at::kLong), tables && kernels}).toBool();
}

// Module::to would cast integers as well.
void TorchScriptBackend::cast_module(at::Device device, at::ScalarType dtype) {
  for (const auto& [name, tensor] : named_tensors(module_)) {
    tensor.set_requires_grad(false);
    tensor.set_data(tensor.is_floating_point() ? tensor.to(device, dtype) : tensor.to(device));
  }
}

void TorchScriptBackend::prepare(const Preparation& how) {
  device_ = checked_device(how.device);
  edge_dtype_ = how.precision == Precision::single ? at::kFloat : at::kDouble;
  team_.use(how.threads);
  team_.settle();  // tables made on other numbers of threads differ in their last bits
  const at::ScalarType dtype = how.precision == Precision::double_ ? at::kDouble : at::kFloat;
  module_.eval();
  cast_module(at::kCPU, at::kDouble);  // constants are computed in double precision
  tabulated_ = prepare_module(how.species, how.tables);
  cast_module(device_, dtype);
  device_pairs_ = make_device_pairs(*this);
}

}  // namespace mlip
