// SPDX-License-Identifier: MIT
/// \file
/// torch.ops.mlip.convolution and convolution_table, with their derivatives.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/spline.h"
#include "torch/convolution_run.h"
#include "torch/device.h"
#include "torch/edge_moments.h"

namespace mlip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What does not change along the chain of derivatives.
struct Edges {
  at::Tensor centre, neighbour, coupling;
  int64_t n_local, l_in, l_max;

  void save(AutogradContext* context) const {
    context->saved_data["edges"] = c10::List<at::Tensor>({centre, neighbour, coupling});
    context->saved_data["sizes"] = std::vector<int64_t>{n_local, l_in, l_max};
  }
  static Edges load(AutogradContext* context) {
    const auto tensors = context->saved_data["edges"].toTensorVector();
    const auto sizes = context->saved_data["sizes"].toIntVector();
    return {tensors[0], tensors[1], tensors[2], sizes[0], sizes[1], sizes[2]};
  }
  ConvolutionPlan plan(const at::Tensor& features, const at::Tensor& harmonics) const {
    return plan_convolution(features, harmonics, centre, neighbour, n_local, l_in, l_max, coupling);
  }
};

at::Tensor contiguous(const at::Tensor& x) {
  return x.defined() ? x.contiguous() : x;
}

RadialInput given(const at::Tensor& weights) {
  RadialInput radial;
  radial.weights = weights;
  return radial;
}

/// Tells those who want to know that features crossed these edges, and gives the sums back.
at::Tensor recorded(const at::Tensor& sums, const RadialInput& radial, const at::Tensor& harmonics,
                    const at::Tensor& features, const Edges& edges) {
  CrossingRecord* record = CrossingRecord::current();
  if (record == nullptr || !features.requires_grad()) return sums;
  const auto weighted = [=](const at::Tensor& adjoint, const at::Tensor& factors) {
    const at::NoGradGuard no_gradient;
    const ConvolutionPlan plan = edges.plan(features, harmonics);
    std::array<at::Tensor, 3> found;
    for (int a = 0; a < 3; ++a) {
      const at::Tensor along = harmonics * factors.narrow(1, a, 1).to(harmonics.scalar_type());
      found[a] = run_backward(plan, radial, along, features, adjoint, false, false, true).features;
    }
    return found;
  };
  record->add({features, sums, weighted});
  return sums;
}

/// Gradients of sum(convolution * adjoint) by weights, harmonics and features; differentiable once more.
struct ConvolutionGradient : torch::autograd::Function<ConvolutionGradient> {
  static variable_list forward(AutogradContext* context, const at::Tensor& weights, const at::Tensor& harmonics,
                               const at::Tensor& features, const at::Tensor& adjoint, const Edges& edges,
                               bool want_weights, bool want_harmonics, bool want_features) {
    const at::Tensor adj = contiguous(adjoint);
    context->save_for_backward({weights, harmonics, features, adj});
    context->set_materialize_grads(false);
    edges.save(context);
    const auto found = run_backward(edges.plan(features, harmonics), given(weights), harmonics, features, adj,
                                    want_weights, want_harmonics, want_features);
    // a custom function cannot return undefined tensors; what is empty is not read
    const at::Tensor nothing = at::empty({0}, features.options());
    return {want_weights ? found.weights : nothing, want_harmonics ? found.harmonics : nothing,
            want_features ? found.features : nothing};
  }

  static variable_list backward(AutogradContext* context, const variable_list& cotangents) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "mlip::convolution can be differentiated twice, not three times");
    const auto saved = context->get_saved_variables();
    const at::Tensor &weights = saved[0], &harmonics = saved[1], &features = saved[2], &adjoint = saved[3];
    const ConvolutionTangents along{contiguous(cotangents[0]), contiguous(cotangents[1]), contiguous(cotangents[2])};
    variable_list gradients(8);
    if (!along.any()) return gradients;
    const auto plan = Edges::load(context).plan(features, harmonics);
    const bool by_weights = context->needs_input_grad(0), by_harmonics = context->needs_input_grad(1),
               by_features = context->needs_input_grad(2);
    if (by_weights || by_harmonics || by_features) {
      const auto found = run_backward(plan, given(weights), harmonics, features, adjoint, by_weights, by_harmonics,
                                      by_features, along);
      gradients[0] = found.weights;
      gradients[1] = found.harmonics;
      gradients[2] = found.features;
    }
    if (context->needs_input_grad(3)) gradients[3] = run_forward(plan, given(weights), harmonics, features, along);
    return gradients;
  }
};

struct ConvolutionFunction : torch::autograd::Function<ConvolutionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& weights, const at::Tensor& harmonics,
                            const at::Tensor& features, const Edges& edges) {
    context->save_for_backward({weights, harmonics, features});
    edges.save(context);
    return run_forward(edges.plan(features, harmonics), given(weights), harmonics, features);
  }

  static variable_list backward(AutogradContext* context, const variable_list& adjoint) {
    const auto saved = context->get_saved_variables();
    const bool wanted[3] = {context->needs_input_grad(0), context->needs_input_grad(1), context->needs_input_grad(2)};
    variable_list found = ConvolutionGradient::apply(saved[0], saved[1], saved[2], adjoint[0], Edges::load(context),
                                                     wanted[0], wanted[1], wanted[2]);
    for (int k = 0; k < 3; k++)
      if (!wanted[k]) found[k] = at::Tensor();
    found.emplace_back();
    return found;
  }
};

/// With a table for radial weights; for inference, so differentiable once.
struct TabulatedConvolution : torch::autograd::Function<TabulatedConvolution> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& distance, const at::Tensor& harmonics,
                            const at::Tensor& features, const at::Tensor& table, const at::Tensor& which, double first,
                            double per_length, const Edges& edges) {
    context->save_for_backward({distance, harmonics, features, table, which});
    context->saved_data["scale"] = std::vector<double>{first, per_length};
    edges.save(context);
    return run_forward(edges.plan(features, harmonics), {{}, table, distance, which, first, per_length}, harmonics,
                       features);
  }

  static variable_list backward(AutogradContext* context, const variable_list& adjoint) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "mlip::convolution_table can be differentiated once only");
    const auto saved = context->get_saved_variables();
    const auto scale = context->saved_data["scale"].toDoubleVector();
    const RadialInput radial{{}, saved[3], saved[0], saved[4], scale[0], scale[1]};
    const auto found =
        run_backward(Edges::load(context).plan(saved[2], saved[1]), radial, saved[1], saved[2], contiguous(adjoint[0]),
                     context->needs_input_grad(0), context->needs_input_grad(1), context->needs_input_grad(2));
    return {found.distance, found.harmonics, found.features, {}, {}, {}, {}, {}};
  }
};

void check_same(const at::Tensor& x, const at::Tensor& features, const char* name) {
  TORCH_CHECK(x.scalar_type() == features.scalar_type() && x.device() == features.device(), "mlip::convolution: ", name,
              " are ", x.scalar_type(), " on ", x.device(), ", features ", features.scalar_type(), " on ",
              features.device());
}

at::Tensor convolution(const at::Tensor& weights, const at::Tensor& harmonics, const at::Tensor& features,
                       const at::Tensor& centre, const at::Tensor& neighbour, int64_t n_local, int64_t l_in,
                       int64_t l_max, const at::Tensor& coupling) {
  check_same(weights, features, "weights");
  check_same(harmonics, features, "harmonics");
  TORCH_CHECK(weights.dim() == 3 && weights.size(0) == centre.size(0) && weights.size(2) == features.size(-1),
              "mlip::convolution: weights must be [edges, paths, channels], got ", weights.sizes());
  const at::Tensor w = weights.contiguous(), y = harmonics.contiguous(), h = features.contiguous();
  const Edges edges{centre, neighbour, coupling, n_local, l_in, l_max};
  return recorded(ConvolutionFunction::apply(w, y, h, edges), given(w), y, h, edges);
}

at::Tensor convolution_table(const at::Tensor& distance, const at::Tensor& harmonics, const at::Tensor& features,
                             const at::Tensor& table, const at::Tensor& which, double first, double per_length,
                             const at::Tensor& centre, const at::Tensor& neighbour, int64_t n_local, int64_t l_in,
                             int64_t l_max, const at::Tensor& coupling) {
  check_same(distance, features, "distances");
  check_same(harmonics, features, "harmonics");
  check_same(table, features, "tables");
  TORCH_CHECK(table.dim() == 4 && table.size(1) >= ops::SPLINE_PIECES && table.size(3) == features.size(-1),
              "mlip::convolution_table: the table must be [tables, intervals + 5, paths, channels], got ",
              table.sizes());
  TORCH_CHECK(distance.size(0) == centre.size(0), "mlip::convolution_table: ", distance.size(0), " distances for ",
              centre.size(0), " edges");
  // on a device that would make the host wait
  const int64_t largest = which.numel() > 0 && !is_on_device(which) ? which.max().item<int64_t>() : 0;
  TORCH_CHECK(table.size(0) == 1 || (which.size(0) == centre.size(0) && largest < table.size(0)),
              "mlip::convolution_table: with ", table.size(0), " tables each edge must name one of them");
  const at::Tensor r = distance.contiguous(), y = harmonics.contiguous(), h = features.contiguous();
  const RadialInput radial{{}, table.contiguous(), r, which.contiguous(), first, per_length};
  const Edges edges{centre, neighbour, coupling, n_local, l_in, l_max};
  const at::Tensor sums = TabulatedConvolution::apply(r, y, h, radial.table, radial.which, first, per_length, edges);
  return recorded(sums, radial, y, h, edges);
}

}  // namespace
}  // namespace mlip

TORCH_LIBRARY_FRAGMENT(mlip, library) {
  library.def(
      "convolution(Tensor weights, Tensor harmonics, Tensor features, Tensor centre, Tensor neighbour, int n_local, "
      "int l_in, int l_max, Tensor coupling) -> Tensor");
  library.impl("convolution",
               torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, TORCH_FN(mlip::convolution)));
  library.def(
      "convolution_table(Tensor distance, Tensor harmonics, Tensor features, Tensor table, Tensor which, "
      "float first, float per_length, Tensor centre, Tensor neighbour, int n_local, int l_in, int l_max, Tensor "
      "coupling) -> "
      "Tensor");
  library.impl("convolution_table",
               torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, TORCH_FN(mlip::convolution_table)));
}
