// SPDX-License-Identifier: MIT
//
// The Backend on TorchScript: one forward pass of the frozen module, one backward pass to the edge vectors.
#pragma once

#include <torch/csrc/jit/api/module.h>

#include <string>
#include <vector>

#include "core/backend.h"

namespace mlip {

class TorchScriptBackend final : public Backend {
 public:
  ExtraFiles load(const std::string& path) override;
  void visit_tensors(const std::function<void(const TensorView&)>& visit) override;
  void prepare(const Preparation& how) override;
  bool tabulated() const override { return tabulated_; }
  void evaluate(const BackendInput& input, HaloHost* host, BackendResult& result) override;
  const char* library_version() const override;

 private:
  void cast_module(at::Device device, at::ScalarType dtype);
  bool prepare_module(const std::vector<int64_t>& species, bool tables);
  using Tensors = c10::Dict<std::string, at::Tensor>;
  void run(const BackendInput& input, BackendResult& result);
  Tensors forward(const BackendInput& input, const at::Tensor& r_ij);
  Tensors condition_tensors(const BackendInput& input) const;
  at::Tensor indices(const int64_t* data, int64_t n) const;

  torch::jit::Module module_;
  at::Device device_{at::kCPU};
  at::ScalarType edge_dtype_ = at::kDouble;
  int threads_ = 0;
  bool tabulated_ = false;
};

}  // namespace mlip
