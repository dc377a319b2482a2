// SPDX-License-Identifier: MIT
/// \file
/// torch.ops.mlip.edge_geometry, differentiable twice.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/kernels.h"
#include "torch/device.h"
#include "torch/kernel_threads.h"

namespace mlip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

template <class T>
const T* pointer(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr<T>() : nullptr;
}

int64_t components(int64_t l_max) {
  return (l_max + 1) * (l_max + 1);
}

/// Distances and harmonics, or with a tangent their derivative along it.
variable_list run_forward(const at::Tensor& r, int64_t l_max, const at::Tensor& tangent) {
  at::Tensor distance = at::empty({r.size(0)}, r.options());
  at::Tensor harmonics = at::empty({r.size(0), components(l_max)}, r.options());
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "mlip::edge_geometry", [&] {
    ops::GeometryArguments<scalar_t> a{static_cast<int>(l_max), pointer<scalar_t>(r), pointer<scalar_t>(tangent)};
    a.distance = distance.data_ptr<scalar_t>();
    a.harmonics = harmonics.data_ptr<scalar_t>();
    if (on_device(r, [&](const cuda::Kernels& kernels, void* stream) {
          kernels.of<scalar_t>().geometry_forward(a, r.size(0), tangent.defined(), stream);
        }))
      return;
    const auto& kernels = ops::kernels<scalar_t>().geometry;
    const auto kernel = tangent.defined() ? kernels.forward_derivative : kernels.forward;
    on_threads(even_split(r.size(0)), [&](int, int64_t begin, int64_t end) { kernel(a, begin, end); });
  });
  return {distance, harmonics};
}

/// Gradient of sum(distance * by_distance) + sum(harmonics * by_harmonics), or with a tangent its derivative along it.
at::Tensor run_backward(const at::Tensor& r, int64_t l_max, const at::Tensor& by_distance,
                        const at::Tensor& by_harmonics, const at::Tensor& tangent) {
  at::Tensor gradient = at::empty_like(r);
  AT_DISPATCH_FLOATING_TYPES(r.scalar_type(), "mlip::edge_geometry", [&] {
    ops::GeometryArguments<scalar_t> a{static_cast<int>(l_max), pointer<scalar_t>(r), pointer<scalar_t>(tangent)};
    a.adjoint_distance = by_distance.const_data_ptr<scalar_t>();
    a.adjoint_harmonics = by_harmonics.const_data_ptr<scalar_t>();
    a.grad_r = gradient.data_ptr<scalar_t>();
    if (on_device(r, [&](const cuda::Kernels& kernels, void* stream) {
          kernels.of<scalar_t>().geometry_backward(a, r.size(0), tangent.defined(), stream);
        }))
      return;
    const auto& kernels = ops::kernels<scalar_t>().geometry;
    const auto kernel = tangent.defined() ? kernels.backward_derivative : kernels.backward;
    on_threads(even_split(r.size(0)), [&](int, int64_t begin, int64_t end) { kernel(a, begin, end); });
  });
  return gradient;
}

struct GeometryGradient : torch::autograd::Function<GeometryGradient> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& r, const at::Tensor& by_distance,
                            const at::Tensor& by_harmonics, int64_t l_max) {
    const at::Tensor distance = by_distance.contiguous(), harmonics = by_harmonics.contiguous();
    context->save_for_backward({r, distance, harmonics});
    context->saved_data["l_max"] = l_max;
    return run_backward(r, l_max, distance, harmonics, {});
  }

  static variable_list backward(AutogradContext* context, const variable_list& cotangents) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "mlip::edge_geometry can be differentiated twice, not three times");
    const auto saved = context->get_saved_variables();
    const int64_t l_max = context->saved_data["l_max"].toInt();
    const at::Tensor along = cotangents[0].contiguous();
    variable_list gradients(4);
    if (context->needs_input_grad(0)) gradients[0] = run_backward(saved[0], l_max, saved[1], saved[2], along);
    if (context->needs_input_grad(1) || context->needs_input_grad(2)) {
      const auto by_adjoints = run_forward(saved[0], l_max, along);
      gradients[1] = by_adjoints[0];
      gradients[2] = by_adjoints[1];
    }
    return gradients;
  }
};

struct GeometryFunction : torch::autograd::Function<GeometryFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& r, int64_t l_max) {
    context->save_for_backward({r});
    context->saved_data["l_max"] = l_max;
    return run_forward(r, l_max, {});
  }

  static variable_list backward(AutogradContext* context, const variable_list& adjoints) {
    const auto r = context->get_saved_variables()[0];
    return {GeometryGradient::apply(r, adjoints[0], adjoints[1], context->saved_data["l_max"].toInt()), {}};
  }
};

std::tuple<at::Tensor, at::Tensor> edge_geometry(const at::Tensor& r_ij, int64_t l_max) {
  TORCH_CHECK(r_ij.dim() == 2 && r_ij.size(1) == 3, "mlip::edge_geometry: r_ij must be [edges, 3], got ", r_ij.sizes());
  TORCH_CHECK(l_max >= 0 && l_max <= 4, "mlip::edge_geometry has harmonics up to degree 4, not ", l_max);
  auto found = GeometryFunction::apply(r_ij.contiguous(), l_max);
  return {found[0], found[1]};
}

}  // namespace
}  // namespace mlip

TORCH_LIBRARY_FRAGMENT(mlip, library) {
  library.def("edge_geometry(Tensor r_ij, int l_max) -> (Tensor, Tensor)");
  library.impl("edge_geometry",
               torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, TORCH_FN(mlip::edge_geometry)));
}
