// SPDX-License-Identifier: MIT
#include "torch/convolution_cuda.h"

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>

#include "torch/device.h"
#include "torch/edge_index_cuda.h"

namespace mlip {
namespace {

template <class X>
at::Tensor uploaded(const std::vector<X>& data, const at::Device& device) {
  const auto bytes = static_cast<int64_t>(data.size() * sizeof(X));
  at::Tensor host = at::empty({bytes}, at::kByte);
  std::copy_n(reinterpret_cast<const uint8_t*>(data.data()), bytes, host.data_ptr<uint8_t>());
  return host.to(device);
}

template <class X>
const X* data_of(const at::Tensor& bytes) {
  return reinterpret_cast<const X*>(bytes.const_data_ptr());
}

template <class T>
std::vector<cuda::Coupling<T>> couplings(const std::vector<ops::Entry>& entries) {
  std::vector<cuda::Coupling<T>> found;
  for (const ops::Entry& entry : entries) found.push_back({entry.at, entry.harmonic, static_cast<T>(entry.value)});
  return found;
}

std::shared_ptr<const DevicePlan> device_plan(const ConvolutionPlan& plan, const at::Device& device) {
  auto found = std::make_shared<DevicePlan>();
  std::vector<ops::Entry> sorted = plan.entries;
  std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) { return a.harmonic < b.harmonic; });
  std::vector<int> first(plan.n_harmonics + 1, 0);
  for (const ops::Entry& entry : sorted) first[entry.harmonic + 1]++;
  for (int m = 0; m < plan.n_harmonics; m++) first[m + 1] += first[m];
  found->paths = uploaded(plan.paths, device);
  found->couplings[0] = uploaded(couplings<float>(plan.entries), device);
  found->couplings[1] = uploaded(couplings<double>(plan.entries), device);
  found->by_harmonic[0] = uploaded(couplings<float>(sorted), device);
  found->by_harmonic[1] = uploaded(couplings<double>(sorted), device);
  found->first_by_harmonic = uploaded(first, device);
  return found;
}

/// A plan made before, and for what.
struct KnownPlan {
  at::Tensor coupling;
  const void* data;
  int64_t version, l_in, l_max;
  at::Device device;
  ConvolutionPlan plan;
};

int64_t version_of(const at::Tensor& x) {
  return x.is_inference() ? 0 : x._version();
}

template <class T>
const T* pointer(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr<T>() : nullptr;
}

template <class T>
cuda::Convolution<T> arguments(const ConvolutionPlan& plan, const RadialInput& radial, const at::Tensor& harmonics,
                               const at::Tensor& features, const ConvolutionTangents& tangents) {
  constexpr int which = sizeof(T) == sizeof(float) ? 0 : 1;
  cuda::Convolution<T> x{};
  x.a = convolution_arguments<T>(plan, radial, harmonics, features, tangents);
  x.a.first_edge = nullptr;
  x.a.paths = data_of<ops::Path>(plan.device->paths);
  x.a.entries = nullptr;
  x.couplings = data_of<cuda::Coupling<T>>(plan.device->couplings[which]);
  x.by_harmonic = data_of<cuda::Coupling<T>>(plan.device->by_harmonic[which]);
  x.first_by_harmonic = data_of<int>(plan.device->first_by_harmonic);
  x.l_in = plan.n_features == 1 ? 0 : plan.n_features == 4 ? 1 : 2;
  x.n_edges = plan.neighbour.size(0);
  x.n_local = plan.n_local;
  x.n_all = plan.n_all;
  return x;
}

}  // namespace

void plan_on_device(ConvolutionPlan& plan, int64_t l_in, int64_t l_max, const at::Tensor& coupling,
                    void (*plan_paths)(ConvolutionPlan&, int, int, const at::Tensor&)) {
  constexpr size_t MOST_KNOWN = 64;
  static std::mutex lock;
  // the last used one first; never destroyed: at exit the device is gone before static objects are
  static std::list<KnownPlan>& known = *new std::list<KnownPlan>;
  const at::Device device = plan.neighbour.device();
  const std::lock_guard<std::mutex> guard(lock);
  auto found = std::find_if(known.begin(), known.end(), [&](const KnownPlan& k) {
    return k.coupling.is_same(coupling) && k.data == coupling.const_data_ptr() && k.version == version_of(coupling) &&
           k.l_in == l_in && k.l_max == l_max && k.device == device;
  });
  if (found == known.end()) {
    ConvolutionPlan made;
    made.n_harmonics = plan.n_harmonics;
    plan_paths(made, static_cast<int>(l_in), static_cast<int>(l_max), coupling);
    made.device = device_plan(made, device);
    known.push_front({coupling, coupling.const_data_ptr(), version_of(coupling), l_in, l_max, device, made});
    if (known.size() > MOST_KNOWN) known.pop_back();
  } else {
    known.splice(known.begin(), known, found);
  }
  const ConvolutionPlan& from = known.front().plan;
  plan.paths = from.paths;
  plan.n_coupled = from.n_coupled;
  plan.n_rows = from.n_rows;
  plan.device = from.device;
}

at::Tensor run_forward_on_device(const ConvolutionPlan& plan, const RadialInput& radial, const at::Tensor& harmonics,
                                 const at::Tensor& features, const ConvolutionTangents& tangents) {
  at::Tensor out = at::empty({plan.n_local, plan.n_rows, plan.channels}, features.options());
  const at::Tensor first_edge = segment_starts(plan.centre, plan.n_local);
  AT_DISPATCH_FLOATING_TYPES(features.scalar_type(), "mlip::convolution", [&] {
    auto x = arguments<scalar_t>(plan, radial, harmonics, features, tangents);
    x.a.first_edge = first_edge.const_data_ptr<int64_t>();
    x.a.out = out.data_ptr<scalar_t>();
    on_device(features, [&](const cuda::Kernels& kernels, void* stream) {
      kernels.of<scalar_t>().convolution_forward(x, tangents.any(), stream);
    });
  });
  return out;
}

ConvolutionGradients run_backward_on_device(const ConvolutionPlan& plan, const RadialInput& radial,
                                            const at::Tensor& harmonics, const at::Tensor& features,
                                            const at::Tensor& adjoint, bool want_radial, bool want_harmonics,
                                            bool want_features, const ConvolutionTangents& tangents) {
  const bool tabulated = radial.table.defined();
  const int64_t n_edges = plan.neighbour.size(0), n_paths = static_cast<int64_t>(plan.paths.size());
  ConvolutionGradients found;
  at::Tensor slope, overlap;
  IncomingEdges incoming;
  if (want_radial && tabulated) {
    found.distance = at::empty_like(radial.distance);
    slope = at::empty({n_edges, n_paths}, features.options());
  }
  if (want_radial && !tabulated) found.weights = at::empty_like(radial.weights);
  if (want_harmonics) {
    found.harmonics = at::empty_like(harmonics);
    overlap = at::empty({n_edges, plan.n_coupled}, features.options());
  }
  if (want_features) {
    found.features = at::empty_like(features);
    incoming = incoming_edges(plan.neighbour, plan.n_all);
  }
  AT_DISPATCH_FLOATING_TYPES(features.scalar_type(), "mlip::convolution", [&] {
    const auto data = [](const at::Tensor& t) { return t.defined() ? t.data_ptr<scalar_t>() : nullptr; };
    auto x = arguments<scalar_t>(plan, radial, harmonics, features, tangents);
    x.a.adjoint = adjoint.const_data_ptr<scalar_t>();
    x.a.grad_weights = data(found.weights);
    x.a.grad_distance = data(found.distance);
    x.a.grad_harmonics = data(found.harmonics);
    x.a.grad_features = data(found.features);
    x.slope = data(slope);
    x.overlap = data(overlap);
    x.centre = plan.centre.const_data_ptr<int64_t>();
    x.incoming = pointer<int64_t>(incoming.edges);
    x.first_incoming = pointer<int64_t>(incoming.first);
    on_device(features, [&](const cuda::Kernels& kernels, void* stream) {
      kernels.of<scalar_t>().convolution_backward(x, tangents.any(), stream);
    });
  });
  return found;
}

}  // namespace mlip
