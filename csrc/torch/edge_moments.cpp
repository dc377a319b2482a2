// SPDX-License-Identifier: MIT
#include "torch/edge_moments.h"

#include <torch/csrc/autograd/autograd.h>

#include "core/error.h"

namespace mlip {
namespace {

thread_local CrossingRecord* current_record = nullptr;

using Tensors = std::vector<at::Tensor>;

/// Gradients of sum(outputs * cotangents); where there is none, zeros.
Tensors gradients(const Tensors& outputs, const Tensors& inputs, const Tensors& cotangents, bool keep_graph) {
  Tensors found = torch::autograd::grad(outputs, inputs, cotangents, keep_graph, /*create_graph=*/false,
                                        /*allow_unused=*/true);
  for (size_t k = 0; k < inputs.size(); ++k)
    found[k] = found[k].defined() ? found[k].contiguous() : at::zeros_like(inputs[k].detach());
  return found;
}

}  // namespace

CrossingRecord::CrossingRecord(bool wanted) : previous_(current_record) {
  current_record = wanted ? this : nullptr;
}
CrossingRecord::~CrossingRecord() {
  current_record = previous_;
}
CrossingRecord* CrossingRecord::current() {
  return current_record;
}

void CrossingRecord::check() const {
  if (crossings_.size() == n_exchanges_) return;
  fail(MLIP_ERROR_ARGUMENT, "centroid virials (heat flux) cannot be computed: the model exchanges features ",
       n_exchanges_, " time(s) per evaluation, of which ", crossings_.size(),
       " go on by torch.ops.mlip.convolution, whose moments are known; use a model of an architecture that mlipkit "
       "offers, or leave the heat flux out");
}

EdgeDerivatives edge_derivatives(const at::Tensor& energy, const at::Tensor& r_ij, const CrossingRecord& record) {
  record.check();
  if (!energy.requires_grad()) return {at::zeros_like(r_ij.detach()), {}};
  const std::vector<Crossing>& crossings = record.crossings();
  Tensors inputs{r_ij}, features;
  for (const Crossing& crossing : crossings) {
    inputs.push_back(crossing.sums);
    features.push_back(crossing.features);
  }
  const Tensors plain = gradients({energy}, inputs, {at::ones_like(energy)}, !crossings.empty());
  if (crossings.empty()) return {plain[0], {}};
  std::array<Tensors, 3> cotangents;
  const at::Tensor factors = -r_ij.detach();
  for (size_t k = 0; k < crossings.size(); ++k) {
    const auto found = crossings[k].weighted_gradients(plain[k + 1], factors);
    for (size_t a = 0; a < 3; ++a) cotangents[a].push_back(found[a]);
  }
  Tensors rows;
  for (size_t a = 0; a < 3; ++a) rows.push_back(gradients(features, {r_ij}, cotangents[a], a < 2)[0]);
  return {plain[0], at::stack(rows, 1)};
}

}  // namespace mlip
