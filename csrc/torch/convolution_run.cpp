// SPDX-License-Identifier: MIT
#include "torch/convolution_run.h"

#include <cmath>

#include "ops/kernels.h"
#include "ops/spline.h"
#include "torch/convolution_cuda.h"
#include "torch/device.h"
#include "torch/edge_index.h"
#include "torch/kernel_threads.h"

namespace mlip {
namespace {

/// Paths (l1, l2, l3) that conserve parity, and the non-zero entries of their coupling tensors.
void plan_paths(ConvolutionPlan& plan, int l_in, int l_max, const at::Tensor& coupling) {
  const at::Tensor flat = coupling.to(at::kCPU, at::kDouble).contiguous();
  const double* value = flat.const_data_ptr<double>();
  int64_t used = 0;
  for (int l3 = 0; l3 <= l_max; l3++) {
    const size_t first = plan.paths.size();
    for (int l1 = 0; l1 <= l_in; l1++)
      for (int l2 = std::abs(l1 - l3); l2 <= std::min(l_max, l1 + l3); l2++) {
        if ((l1 + l2 + l3) % 2) continue;
        const int m1s = 2 * l1 + 1, m2s = 2 * l2 + 1, m3s = 2 * l3 + 1;
        ops::Path path{l1, l2, l3, 0, 0, plan.n_coupled, static_cast<int>(plan.entries.size()), 0};
        TORCH_CHECK(used + m1s * m2s * m3s <= flat.numel(), "mlip::convolution: the coupling has ", flat.numel(),
                    " numbers, too few for l_in ", l_in, " and l_max ", l_max);
        for (int m3 = 0; m3 < m3s; m3++)
          for (int m1 = 0; m1 < m1s; m1++)
            for (int m2 = 0; m2 < m2s; m2++) {
              const double c = value[used + (m1 * m2s + m2) * m3s + m3];
              if (std::abs(c) > 1e-12) plan.entries.push_back({path.block + m3 * m1s + m1, l2 * l2 + m2, c});
            }
        path.entry_end = static_cast<int>(plan.entries.size());
        plan.n_coupled += m1s * m3s;
        used += m1s * m2s * m3s;
        plan.paths.push_back(path);
      }
    const int into = static_cast<int>(plan.paths.size() - first);
    for (int k = 0; k < into; k++) {
      plan.paths[first + k].row = plan.n_rows + k;
      plan.paths[first + k].row_step = into;
    }
    plan.n_rows += (2 * l3 + 1) * into;
  }
  TORCH_CHECK(used == flat.numel(), "mlip::convolution: the coupling has ", flat.numel(), " numbers, not ", used);
}

template <class T>
const T* pointer(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr<T>() : nullptr;
}

template <class T, class Kernel>
void run(const ConvolutionPlan& plan, ops::ConvolutionArguments<T> a, Kernel kernel, ThreadSums* grad_features,
         const std::vector<int64_t>& bounds) {
  const int64_t bytes = ops::convolution_scratch(a, plan.most_edges);
  on_threads(bounds, [&](int thread, int64_t begin, int64_t end) {
    std::vector<double> scratch(bytes / sizeof(double) + 1);
    auto mine = a;
    if (grad_features) mine.grad_features = grad_features->of(thread).template data_ptr<T>();
    kernel(mine, begin, end, scratch.data());
  });
}

}  // namespace

template <class T>
ops::ConvolutionArguments<T> convolution_arguments(const ConvolutionPlan& plan, const RadialInput& radial,
                                                   const at::Tensor& harmonics, const at::Tensor& features,
                                                   const ConvolutionTangents& tangents) {
  ops::ConvolutionArguments<T> a{};
  a.paths = plan.paths.data();
  a.n_paths = static_cast<int>(plan.paths.size());
  a.entries = plan.entries.data();
  a.n_coupled = plan.n_coupled;
  a.n_harmonics = plan.n_harmonics;
  a.n_features = plan.n_features;
  a.n_rows = plan.n_rows;
  a.channels = plan.channels;
  a.first_edge = plan.first_edge.data();
  a.neighbour = plan.neighbour.const_data_ptr<int64_t>();
  a.weights = pointer<T>(radial.weights);
  a.weights_tangent = pointer<T>(tangents.weights);
  a.harmonics = pointer<T>(harmonics);
  a.harmonics_tangent = pointer<T>(tangents.harmonics);
  a.features = pointer<T>(features);
  a.features_tangent = pointer<T>(tangents.features);
  if (radial.table.defined()) {
    a.table.rows = radial.table.const_data_ptr<T>();
    a.table.distance = radial.distance.const_data_ptr<T>();
    a.table.which = radial.table.size(0) > 1 ? radial.which.const_data_ptr<int64_t>() : nullptr;
    a.table.n_tables = radial.table.size(0);
    a.table.n_intervals = radial.table.size(1) - (ops::SPLINE_PIECES - 1);
    a.table.first = static_cast<T>(radial.first);
    a.table.per_length = static_cast<T>(radial.per_length);
  }
  return a;
}

template ops::ConvolutionArguments<float> convolution_arguments(const ConvolutionPlan&, const RadialInput&,
                                                                const at::Tensor&, const at::Tensor&,
                                                                const ConvolutionTangents&);
template ops::ConvolutionArguments<double> convolution_arguments(const ConvolutionPlan&, const RadialInput&,
                                                                 const at::Tensor&, const at::Tensor&,
                                                                 const ConvolutionTangents&);

ConvolutionPlan plan_convolution(const at::Tensor& features, const at::Tensor& harmonics, const at::Tensor& centre,
                                 const at::Tensor& neighbour, int64_t n_local, int64_t l_in, int64_t l_max,
                                 const at::Tensor& coupling) {
  TORCH_CHECK(l_in >= 0 && l_in <= 2 && l_max >= 0 && l_max <= 4,
              "mlip::convolution takes features up to degree 2 and harmonics up to degree 4, not ", l_in, " and ",
              l_max);
  TORCH_CHECK(features.dim() == 3 && features.size(1) == (l_in + 1) * (l_in + 1),
              "mlip::convolution: features must be [n_all, ", (l_in + 1) * (l_in + 1), ", channels], got ",
              features.sizes());
  TORCH_CHECK(harmonics.dim() == 2 && harmonics.size(1) == (l_max + 1) * (l_max + 1) &&
                  harmonics.size(0) == centre.size(0) && neighbour.size(0) == centre.size(0),
              "mlip::convolution: harmonics must be [edges, ", (l_max + 1) * (l_max + 1), "], got ", harmonics.sizes(),
              " for ", centre.size(0), " centres and ", neighbour.size(0), " neighbours");
  TORCH_CHECK(n_local >= 0 && n_local <= features.size(0), "mlip::convolution: ", n_local, " local atoms of ",
              features.size(0));
  ConvolutionPlan plan;
  plan.centre = centre.contiguous();
  plan.neighbour = neighbour.contiguous();
  plan.n_local = n_local;
  plan.n_all = features.size(0);
  plan.channels = features.size(2);
  plan.n_harmonics = static_cast<int>(harmonics.size(1));
  plan.n_features = static_cast<int>(features.size(1));
  if (is_on_device(features)) {
    plan_on_device(plan, l_in, l_max, coupling, plan_paths);
    return plan;
  }
  plan_paths(plan, static_cast<int>(l_in), static_cast<int>(l_max), coupling);
  EdgeIndex edges("mlip::convolution", plan.centre, plan.neighbour, n_local, plan.n_all);
  plan.first_edge = std::move(edges.first_edge);
  plan.most_edges = edges.most_edges;
  return plan;
}

at::Tensor run_forward(const ConvolutionPlan& plan, const RadialInput& radial, const at::Tensor& harmonics,
                       const at::Tensor& features, const ConvolutionTangents& tangents) {
  if (plan.device) return run_forward_on_device(plan, radial, harmonics, features, tangents);
  const auto n_local = static_cast<int64_t>(plan.first_edge.size()) - 1;
  at::Tensor out = at::empty({n_local, plan.n_rows, plan.channels}, features.options());
  const auto bounds = split_by_edges(plan.first_edge, at::get_num_threads());
  AT_DISPATCH_FLOATING_TYPES(features.scalar_type(), "mlip::convolution", [&] {
    auto a = convolution_arguments<scalar_t>(plan, radial, harmonics, features, tangents);
    a.out = out.data_ptr<scalar_t>();
    const auto& kernels = ops::kernels<scalar_t>().convolution;
    run(plan, a, tangents.any() ? kernels.forward_derivative : kernels.forward, nullptr, bounds);
  });
  return out;
}

ConvolutionGradients run_backward(const ConvolutionPlan& plan, const RadialInput& radial, const at::Tensor& harmonics,
                                  const at::Tensor& features, const at::Tensor& adjoint, bool want_radial,
                                  bool want_harmonics, bool want_features, const ConvolutionTangents& tangents) {
  if (plan.device)
    return run_backward_on_device(plan, radial, harmonics, features, adjoint, want_radial, want_harmonics,
                                  want_features, tangents);
  const auto bounds = split_by_edges(plan.first_edge, at::get_num_threads());
  ConvolutionGradients found;
  if (want_radial && radial.table.defined()) found.distance = at::empty_like(radial.distance);
  if (want_radial && !radial.table.defined()) found.weights = at::empty_like(radial.weights);
  if (want_harmonics) found.harmonics = at::empty_like(harmonics);
  if (want_features) found.features = at::zeros_like(features);
  AT_DISPATCH_FLOATING_TYPES(features.scalar_type(), "mlip::convolution", [&] {
    auto a = convolution_arguments<scalar_t>(plan, radial, harmonics, features, tangents);
    a.adjoint = adjoint.const_data_ptr<scalar_t>();
    if (found.weights.defined()) a.grad_weights = found.weights.data_ptr<scalar_t>();
    if (found.distance.defined()) a.grad_distance = found.distance.data_ptr<scalar_t>();
    if (found.harmonics.defined()) a.grad_harmonics = found.harmonics.data_ptr<scalar_t>();
    const auto& kernels = ops::kernels<scalar_t>().convolution;
    const auto kernel = tangents.any() ? kernels.backward_derivative : kernels.backward;
    if (want_features) {
      ThreadSums sums(found.features, static_cast<int>(bounds.size()) - 1);
      run(plan, a, kernel, &sums, bounds);
      sums.join();
    } else {
      run(plan, a, kernel, nullptr, bounds);
    }
  });
  return found;
}

}  // namespace mlip
