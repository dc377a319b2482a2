// SPDX-License-Identifier: MIT
//
// The Backend on TorchScript: one forward pass of the frozen module, one backward pass to the edge vectors.
#pragma once

#include <torch/csrc/jit/api/module.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "torch/torch_threads.h"

namespace mlip {

/// A graph as the module takes it.
struct ModuleInput {
  at::Tensor r_ij, centre, neighbour, species;
  int64_t n_local;
};

/// What it gave, where it runs: [n_local], dE/dr_ij [E][3] and its first moments [E][3][3], undefined when not wanted;
/// the moments also where all are zero.
struct ModuleAnswer {
  at::Tensor energy, gradient, moments;
};

class TorchScriptBackend final : public Backend {
 public:
  ~TorchScriptBackend() override;
  ExtraFiles load(const std::string& path) override;
  void visit_tensors(const std::function<void(const TensorView&)>& visit) override;
  void prepare(const Preparation& how) override;
  bool tabulated() const override { return tabulated_; }
  void evaluate(const BackendInput& input, HaloHost* host, BackendResult& result) override;
  int64_t peak_bytes(const BackendInput& input, BackendResult& result) override;
  DevicePairs* device_pairs() override { return device_pairs_.get(); }
  ThreadTeam& team() override { return team_; }
  int cuda_devices() const override;
  const char* library_version() const override;

  /// Forward and backward pass; `outputs` are filled. To be called inside `guarded`.
  ModuleAnswer ask(const ModuleInput& input, const Request& request, std::vector<BackendOutput>& outputs);
  /// Runs `work` with everything set for an evaluation; what it throws becomes one message,
  /// with the `size` of what was evaluated.
  void guarded(const Request& request, HaloHost* host, const std::string& size, const std::function<void()>& work);
  at::Device device() const { return device_; }
  at::ScalarType edge_dtype() const { return edge_dtype_; }

 private:
  bool prepare_module(const std::vector<int64_t>& species, bool tables);
  void cast_module(at::Device device, at::ScalarType dtype);
  using Tensors = c10::Dict<std::string, at::Tensor>;
  Tensors condition_tensors(const Request& request, bool outputs) const;
  at::Tensor tensor_of(const void* data, at::IntArrayRef shape, at::ScalarType type) const;

  torch::jit::Module module_;
  at::Device device_{at::kCPU};
  at::ScalarType edge_dtype_ = at::kDouble;
  TorchThreads team_;
  bool tabulated_ = false;
  std::unique_ptr<DevicePairs> device_pairs_;
  at::Tensor edge_gradients_, edge_moments_;  // of the last evaluation, in host memory
};

}  // namespace mlip
