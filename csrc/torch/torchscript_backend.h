// SPDX-License-Identifier: MIT
//
// The Backend on TorchScript: one forward pass of the frozen module, one backward pass to the edge vectors.
#pragma once

#include <torch/csrc/jit/api/module.h>

#include <optional>
#include <string>
#include <vector>

#include "core/backend.h"
#include "torch/torch_threads.h"

namespace mlip {

class TorchScriptBackend final : public Backend {
 public:
  ExtraFiles load(const std::string& path) override;
  void visit_tensors(const std::function<void(const TensorView&)>& visit) override;
  void prepare(const Preparation& how) override;
  bool tabulated() const override { return tabulated_; }
  void evaluate(const BackendInput& input, HaloHost* host, BackendResult& result) override;
  ThreadTeam& team() override { return team_; }
  const char* library_version() const override;

 private:
  void cast_module(at::Device device, at::ScalarType dtype);
  bool prepare_module(const std::vector<int64_t>& species, bool tables);
  using Tensors = c10::Dict<std::string, at::Tensor>;
  void run(const BackendInput& input, BackendResult& result);
  Tensors forward(const BackendInput& input, const at::Tensor& r_ij);
  Tensors condition_tensors(const BackendInput& input) const;
  at::Tensor tensor_of(const void* data, at::IntArrayRef shape, at::ScalarType type) const;

  torch::jit::Module module_;
  at::Device device_{at::kCPU};
  at::ScalarType edge_dtype_ = at::kDouble;
  TorchThreads team_;
  bool tabulated_ = false;
  at::Tensor edge_gradients_;  // of the last evaluation, in host memory
};

}  // namespace mlip
