// SPDX-License-Identifier: MIT
#include "torch/torchscript_backend.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <c10/core/DeviceGuard.h>
#include <torch/version.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "torch/edge_moments.h"
#include "torch/halo_exchange.h"
#include "torch/memory_meter.h"
#include "torch/messages.h"
#include "torch/scopes.h"

namespace mlip {
namespace {

void copy_out(const at::Tensor& tensor, std::vector<double>& out) {
  const at::Tensor values = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  const double* data = values.const_data_ptr<double>();
  out.assign(data, data + values.numel());
}

void check_rows(const std::string& name, const at::Tensor& tensor, int64_t n_local, int64_t width) {
  const bool fits = tensor.dim() >= 1 && tensor.size(0) == n_local && tensor.numel() == n_local * width;
  if (!fits)
    fail(MLIP_ERROR_ARTIFACT, "the model gave '", name, "' with shape ", tensor.sizes(), " for ", n_local,
         " local atoms; its manifest declares ", width, " value(s) per atom; export the checkpoint again");
}

/// What the model gave under a name; the answer must hold it.
at::Tensor entry(const c10::Dict<std::string, at::Tensor>& answer, const std::string& name) {
  const auto found = answer.find(name);
  if (found == answer.end())
    fail(MLIP_ERROR_ARTIFACT, "the model gave no '", name, "'; the artifact is inconsistent, export it again");
  return found->value();
}

}  // namespace

TorchScriptBackend::~TorchScriptBackend() {
  edge_gradients_.reset();
  edge_moments_.reset();
  memory_pool().trim();
}

const char* TorchScriptBackend::library_version() const {
  return TORCH_VERSION;
}

/// On a CPU a view of the engine's memory.
at::Tensor TorchScriptBackend::tensor_of(const void* data, at::IntArrayRef shape, at::ScalarType type) const {
  if (c10::multiply_integers(shape) == 0) return at::empty(shape, at::TensorOptions().dtype(type).device(device_));
  return at::from_blob(const_cast<void*>(data), shape, type).to(device_);
}

TorchScriptBackend::Tensors TorchScriptBackend::condition_tensors(const Request& request, bool outputs) const {
  Tensors conditions;
  const at::Tensor task = at::full({1}, request.task, at::TensorOptions().dtype(at::kLong).device(device_));
  conditions.insert("task", task);
  if (!outputs) conditions.insert("without_outputs", task);  // that it is there counts, not its value
  for (const auto& [name, value] : request.conditions)
    conditions.insert(name, at::full({1}, value, at::TensorOptions().dtype(edge_dtype_).device(device_)));
  return conditions;
}

ModuleAnswer TorchScriptBackend::ask(const ModuleInput& input, const Request& request,
                                     std::vector<BackendOutput>& outputs) {
  const CrossingRecord crossings(request.moments);
  const at::IValue given = module_.get_method("forward")({input.r_ij, input.centre, input.neighbour, input.species,
                                                          input.n_local, condition_tensors(request, !outputs.empty())});
  const Tensors answer = c10::impl::toTypedDict<std::string, at::Tensor>(given.toGenericDict());
  const at::Tensor energy = entry(answer, "energy");
  check_rows("energy", energy, input.n_local, 1);
  for (BackendOutput& output : outputs) {
    const at::Tensor values = entry(answer, output.name);
    check_rows(output.name, values, input.n_local, output.width);
    copy_out(values, output.values);
  }
  if (!request.gradients) return {energy, {}, {}};
  const EdgeDerivatives found = edge_derivatives(energy, input.r_ij, crossings);
  return {energy.detach(), found.gradient, found.moments};
}

void TorchScriptBackend::evaluate(const BackendInput& input, HaloHost* host, BackendResult& result) {
  edge_gradients_.reset();  // its memory serves this evaluation
  edge_moments_.reset();
  result.edge_gradients = result.edge_moments = nullptr;
  guarded(input.request, host, concat(input.n_local, " atoms and ", input.edges.n_edges, " edges"), [&] {
    const EdgeView& edges = input.edges;
    const ModuleInput given{tensor_of(edges.r_ij, {edges.n_edges, 3}, edge_dtype_),
                            tensor_of(edges.centre, {edges.n_edges}, at::kLong),
                            tensor_of(edges.neighbour, {edges.n_edges}, at::kLong),
                            tensor_of(input.species, {input.n_all}, at::kLong), input.n_local};
    given.r_ij.requires_grad_(input.request.gradients);
    const ModuleAnswer answer = ask(given, input.request, result.outputs);
    copy_out(answer.energy, result.energies);
    if (!input.request.gradients) return;
    edge_gradients_ = answer.gradient.to(at::kCPU).detach();
    result.edge_gradients = edge_gradients_.const_data_ptr();
    if (!answer.moments.defined()) return;
    edge_moments_ = answer.moments.to(at::kCPU);
    result.edge_moments = edge_moments_.const_data_ptr();
  });
}

int64_t TorchScriptBackend::peak_bytes(const BackendInput& input, BackendResult& result) {
  const auto nothing = [](void*, void*, int, mlip_dtype) { return 0; };
  HaloHost silent{{nullptr, nothing, nothing}, std::numeric_limits<int64_t>::max(), {}, MLIP_OK};  // ghosts stay zero
  edge_gradients_.reset();
  const MemoryMeter meter(device_);
  evaluate(input, &silent, result);
  return meter.peak();
}

void TorchScriptBackend::guarded(const Request& request, HaloHost* host, const std::string& size,
                                 const std::function<void()>& work) {
  try {
    const EvaluationScope scope(request.gradients);
    const HaloScope halo(host);
    const c10::OptionalDeviceGuard on_device(device_.is_cpu() ? std::nullopt : std::optional<at::Device>(device_));
    team_.settle();
    work();
  } catch (const std::exception& error) {
    // Inside TorchScript an exception loses its type; the host remembers its own.
    if (host != nullptr && host->failure_status != MLIP_OK) throw Error(host->failure_status, host->failure);
    if (dynamic_cast<const Error*>(&error) != nullptr) throw;
    if (is_out_of_memory(error))
      fail(MLIP_ERROR_BACKEND, "out of memory on device ", device_.str(), " evaluating ", size,
           "; use more processes, fewer atoms or precision single (", one_line(error), ")");
    fail(MLIP_ERROR_BACKEND, "the model failed evaluating ", size, ": ", one_line(error));
  }
}

}  // namespace mlip

mlip::Backend* mlip_create_backend(int interface) {
  return interface == mlip::kBackendInterface ? new mlip::TorchScriptBackend : nullptr;
}
