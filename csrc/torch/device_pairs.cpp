// SPDX-License-Identifier: MIT
#include "torch/device_pairs.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <limits>

#include "torch/device.h"
#include "torch/edge_index_cuda.h"

namespace mlip {
namespace {

template <class T>
constexpr at::ScalarType type_of() {
  return c10::CppTypeToScalarType<T>::value;
}

template <class T>
T* data_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
}

/// Running sums with a zero in front: where each row begins, and the total.
at::Tensor starts(const at::Tensor& counts) {
  at::Tensor first = at::zeros({counts.size(0) + 1}, counts.options());
  at::Tensor after = first.narrow(0, 1, counts.size(0));
  if (counts.size(0) > 0) at::cumsum_out(after, counts, 0);
  return first;
}

void download(const at::Tensor& tensor, double* to) {
  if (tensor.numel() == 0) return;
  at::from_blob(to, tensor.sizes(), at::kDouble).copy_(tensor);
}

class TorchPairs final : public DevicePairs {
 public:
  explicit TorchPairs(TorchScriptBackend& backend) : backend_(backend), device_(backend.device()) {}

  void upload(const PairView& pairs) override {
    n_local_ = pairs.n_local;
    n_all_ = pairs.n_all;
    const int64_t n = pairs.size();
    if (n_local_ > 0)
      first_ = uploaded(pairs.first, {n_local_ + 1}).clone();
    else
      first_ = zeros({1}, at::kLong);
    neighbour_ = uploaded(pairs.neighbour, {n}).clone();
    shifts_ = pairs.shifts == nullptr ? at::Tensor() : uploaded(pairs.shifts, {n, 3}).clone();
    incoming_ = incoming_edges(neighbour_.to(at::kLong), n_all_);
    kept_.reset();
  }

  mlip_device_arrays arrays(int64_t n) override {
    if (!given_.defined() || given_.size(0) != n) {
      given_ = zeros({n, 3}, at::kDouble);
      forces_ = zeros({n, 3}, at::kDouble);
      kept_.reset();
    }
    return {given_.data_ptr<double>(), forces_.data_ptr<double>()};
  }
  void keep_positions() override { kept_ = given_.clone(); }
  bool near(double limit) override {
    if (!kept_.defined()) return false;
    if (kept_.size(0) == 0) return true;
    return (given_ - kept_).square_().sum(1).max().item<double>() <= limit * limit;  // false where one is NaN
  }
  void download_positions(double* to) override { download(given_, to); }

  void find(const CellView& grid) override;
  void set_species(const std::vector<int64_t>& species) override {
    if (species_.defined() && species == known_species_) return;
    known_species_ = species;
    species_ = uploaded(species.data(), {static_cast<int64_t>(species.size())}).clone();
  }
  bool evaluate(const PairStep& step, bool energies, HaloHost* host, BackendResult& result) override;

 private:
  at::Tensor empty(at::IntArrayRef shape, at::ScalarType type) const {
    return at::empty(shape, at::TensorOptions().dtype(type).device(device_));
  }
  at::Tensor zeros(at::IntArrayRef shape, at::ScalarType type) const {
    return at::zeros(shape, at::TensorOptions().dtype(type).device(device_));
  }
  template <class T>
  at::Tensor uploaded(const T* data, at::IntArrayRef shape) const {
    if (c10::multiply_integers(shape) == 0) return empty(shape, type_of<T>());
    return at::from_blob(const_cast<T*>(data), shape, type_of<T>()).to(device_);
  }
  /// Rows of plain old data as bytes.
  template <class T>
  at::Tensor bytes(const T* data, int64_t n) const {
    return uploaded(reinterpret_cast<const uint8_t*>(data), {n * static_cast<int64_t>(sizeof(T))});
  }
  /// The step's pairs, its first_edge_ filled. False: a pair has no direction.
  bool count(const PairStep& step, cuda::Pairs& pairs);
  template <class T>
  ModuleInput edges(const cuda::Pairs& pairs, int64_t n_edges);
  template <class T>
  void sum(const ModuleInput& given, const ModuleAnswer& answer, const PairStep& step);
  template <class T>
  void run(const PairStep& step, const cuda::Pairs& pairs, bool energies, BackendResult& result);

  TorchScriptBackend& backend_;
  at::Device device_;
  int64_t n_local_ = 0, n_all_ = 0;
  at::Tensor first_, neighbour_, shifts_, species_;
  IncomingEdges incoming_;
  std::vector<int64_t> known_species_;
  at::Tensor given_, forces_, kept_;                  // of a host whose positions are on the device
  at::Tensor positions_, first_edge_, edge_of_pair_;  // of a step
};

void TorchPairs::find(const CellView& grid) {
  CellView v = grid;  // with pointers to the device
  n_local_ = n_all_ = v.n_atoms;
  std::vector<at::Tensor> kept;  // until the kernels are done
  const auto keep = [&](auto*& data, int64_t n) {
    kept.push_back(bytes(data, n));
    data = reinterpret_cast<std::decay_t<decltype(data)>>(kept.back().data_ptr());
  };
  kept_.reset();
  for (int k = 0; k < 3; ++k) keep(v.steps[k], v.n_bins[k] + 2 * v.reach[k]);
  keep(v.rows, v.n_rows);
  keep(v.bin_first, v.n_all_bins + 1);
  keep(v.bin, 3 * n_all_);
  keep(v.place, n_all_);
  keep(v.position, 3 * n_all_);
  keep(v.index, n_all_);
  keep(v.wrap, 3 * n_all_);
  const at::Tensor counts = empty({n_all_}, at::kLong);
  on_device(counts, [&](const cuda::Kernels& kernels, void* stream) {
    kernels.pairs.count_pairs(v, counts.data_ptr<int64_t>(), stream);
  });
  first_ = starts(counts);
  const int64_t n = first_[n_all_].item<int64_t>();
  neighbour_ = empty({n}, at::kInt);
  shifts_ = empty({n, 3}, at::kInt);
  on_device(counts, [&](const cuda::Kernels& kernels, void* stream) {
    kernels.pairs.fill_pairs(v, first_.const_data_ptr<int64_t>(), neighbour_.data_ptr<int32_t>(),
                             shifts_.data_ptr<int32_t>(), stream);
  });
  incoming_ = incoming_edges(neighbour_.to(at::kLong), n_all_);
}

bool TorchPairs::count(const PairStep& step, cuda::Pairs& pairs) {
  positions_ = step.positions == nullptr ? given_ : uploaded(step.positions, {n_all_, 3});
  pairs = {n_local_,
           n_all_,
           first_.const_data_ptr<int64_t>(),
           neighbour_.const_data_ptr<int32_t>(),
           data_or_null<int32_t>(shifts_),
           positions_.const_data_ptr<double>(),
           {},
           step.cutoff * step.cutoff};
  if (step.cell != nullptr) std::copy(step.cell, step.cell + 9, pairs.cell);
  const at::Tensor counts = zeros({n_local_}, at::kLong), fault = zeros({1}, at::kLong);
  if (!step.broken)
    on_device(counts, [&](const cuda::Kernels& kernels, void* stream) {
      kernels.pairs.count_edges(pairs, counts.data_ptr<int64_t>(), fault.data_ptr<int64_t>(), stream);
    });
  first_edge_ = starts(counts);
  return fault.item<int64_t>() == 0;
}

template <class T>
ModuleInput TorchPairs::edges(const cuda::Pairs& pairs, int64_t n_edges) {
  if (n_edges > std::numeric_limits<int32_t>::max())
    fail(MLIP_ERROR_BACKEND, "there are ", n_edges, " edges, too many for one device; use more processes");
  ModuleInput given{empty({n_edges, 3}, type_of<T>()), empty({n_edges}, at::kLong), empty({n_edges}, at::kLong),
                    species_, n_local_};
  edge_of_pair_ = empty({neighbour_.size(0)}, at::kInt);
  const cuda::EdgeArrays<T> arrays{first_edge_.const_data_ptr<int64_t>(), given.centre.data_ptr<int64_t>(),
                                   given.neighbour.data_ptr<int64_t>(), given.r_ij.data_ptr<T>(),
                                   edge_of_pair_.data_ptr<int32_t>()};
  on_device(first_, [&](const cuda::Kernels& kernels, void* stream) {
    if constexpr (std::is_same_v<T, float>)
      kernels.pairs.fill_single(pairs, arrays, stream);
    else
      kernels.pairs.fill_double(pairs, arrays, stream);
  });
  return given;
}

template <class T>
void TorchPairs::sum(const ModuleInput& given, const ModuleAnswer& answer, const PairStep& step) {
  const at::Tensor forces = step.positions == nullptr ? forces_ : empty({n_all_, 3}, at::kDouble);
  const at::Tensor own = empty({n_local_, 6}, at::kDouble);
  const at::Tensor virials = step.virials == nullptr ? at::Tensor() : empty({n_all_, 6}, at::kDouble);
  const at::Tensor centroids = step.centroid_virials == nullptr ? at::Tensor() : empty({n_all_, 9}, at::kDouble);
  const cuda::EdgeSums<T> sums{n_local_,
                               n_all_,
                               first_edge_.const_data_ptr<int64_t>(),
                               incoming_.edges.const_data_ptr<int64_t>(),
                               incoming_.first.const_data_ptr<int64_t>(),
                               edge_of_pair_.const_data_ptr<int32_t>(),
                               given.r_ij.const_data_ptr<T>(),
                               answer.gradient.const_data_ptr<T>(),
                               forces.data_ptr<double>(),
                               own.data_ptr<double>(),
                               data_or_null<double>(virials),
                               data_or_null<T>(answer.moments),
                               data_or_null<double>(centroids)};
  on_device(first_, [&](const cuda::Kernels& kernels, void* stream) {
    if constexpr (std::is_same_v<T, float>)
      kernels.pairs.sum_single(sums, stream);
    else
      kernels.pairs.sum_double(sums, stream);
  });
  if (step.forces != nullptr) download(forces, step.forces);
  download(own.sum(0), step.virial);  // waits for the kernels
  if (step.virials != nullptr) download(virials, step.virials);
  if (step.centroid_virials != nullptr) download(centroids, step.centroid_virials);
}

template <class T>
void TorchPairs::run(const PairStep& step, const cuda::Pairs& pairs, bool energies, BackendResult& result) {
  const int64_t n_edges = first_edge_[n_local_].item<int64_t>();
  ModuleInput given;
  {
    const at::NoGradGuard no_gradient;
    given = step.broken ? ModuleInput{empty({0, 3}, type_of<T>()), empty({0}, at::kLong), empty({0}, at::kLong),
                                      species_, n_local_}
                        : edges<T>(pairs, n_edges);
  }
  given.r_ij.requires_grad_(step.request.gradients);
  const ModuleAnswer answer = backend_.ask(given, step.request, result.outputs);
  const at::NoGradGuard no_gradient;
  const at::Tensor energy = answer.energy.to(at::kDouble);
  const at::Tensor wanted = (energies ? energy.reshape({-1}) : energy.sum().reshape({1})).to(at::kCPU).contiguous();
  result.energies.assign(wanted.const_data_ptr<double>(), wanted.const_data_ptr<double>() + wanted.numel());
  given.r_ij = given.r_ij.detach();
  if (step.request.gradients && !step.broken) sum<T>(given, answer, step);
}

bool TorchPairs::evaluate(const PairStep& step, bool energies, HaloHost* host, BackendResult& result) {
  bool sound = true;
  backend_.guarded(step.request, host, concat(n_local_, " atoms and ", neighbour_.size(0), " pairs"), [&] {
    cuda::Pairs pairs{};
    sound = count(step, pairs);
    if (!sound) return;
    if (backend_.edge_dtype() == at::kFloat)
      run<float>(step, pairs, energies, result);
    else
      run<double>(step, pairs, energies, result);
  });
  return sound;
}

}  // namespace

std::unique_ptr<DevicePairs> make_device_pairs(TorchScriptBackend& backend) {
  const at::Tensor here = at::empty({0}, at::TensorOptions().device(backend.device()));
  if (!is_on_device(here) || (here.is_cuda() && !has_cuda_kernels())) return nullptr;
  return std::make_unique<TorchPairs>(backend);
}

}  // namespace mlip
