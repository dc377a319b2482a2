// SPDX-License-Identifier: MIT
/// \file
/// torch.ops.mlip.contraction, differentiable twice.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/kernels.h"
#include "torch/device.h"
#include "torch/kernel_threads.h"

namespace mlip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Tangents {
  at::Tensor x, coefficients;
  bool any() const { return x.defined() || coefficients.defined(); }
};

struct Gradients {
  at::Tensor x, coefficients, out;
};

template <class T>
const T* pointer(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr<T>() : nullptr;
}

static_assert(sizeof(ops::Node) == 4 * sizeof(int32_t), "the tree is handed over as [nodes, 4] int32");

template <class T>
ops::ContractionArguments<T> arguments(const at::Tensor& x, const at::Tensor& coefficients, const at::Tensor& species,
                                       const at::Tensor& tree, int64_t n_outputs, const Tangents& tangents) {
  ops::ContractionArguments<T> a{};
  a.nodes = reinterpret_cast<const ops::Node*>(tree.const_data_ptr<int32_t>());
  a.n_outputs = static_cast<int>(n_outputs);
  a.n_components = static_cast<int>(x.size(1));
  a.n_coefficients = static_cast<int>(coefficients.size(1));
  a.channels = x.size(2);
  a.species = species.const_data_ptr<int64_t>();
  a.x = x.const_data_ptr<T>();
  a.x_tangent = pointer<T>(tangents.x);
  a.coefficients = coefficients.const_data_ptr<T>();
  a.coefficients_tangent = pointer<T>(tangents.coefficients);
  return a;
}

at::Tensor run_forward(const at::Tensor& x, const at::Tensor& coefficients, const at::Tensor& species,
                       const at::Tensor& tree, int64_t n_outputs) {
  at::Tensor out = at::empty({x.size(0), n_outputs, x.size(2)}, x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "mlip::contraction", [&] {
    auto a = arguments<scalar_t>(x, coefficients, species, tree, n_outputs, {});
    a.out = out.data_ptr<scalar_t>();
    if (on_device(x, [&](const cuda::Kernels& kernels, void* stream) {
          kernels.of<scalar_t>().contraction_forward({a, x.size(0), x.size(0), coefficients.size(0)}, stream);
        }))
      return;
    const auto kernel = ops::kernels<scalar_t>().contraction.forward;
    on_threads(even_split(x.size(0)), [&](int, int64_t begin, int64_t end) { kernel(a, begin, end); });
  });
  return out;
}

/// Groups of atoms with own sums of the coefficients' gradient: enough for a device, within some memory.
int64_t groups_of_atoms(int64_t n_atoms, int64_t numbers_per_group) {
  constexpr int64_t MOST_GROUPS = 256, MOST_NUMBERS = 1 << 24;
  return std::max<int64_t>(1, std::min({n_atoms, MOST_GROUPS, MOST_NUMBERS / std::max<int64_t>(numbers_per_group, 1)}));
}

template <class T>
void backward_on_device(const cuda::Kernels& kernels, void* stream, ops::ContractionArguments<T> a, int64_t n_atoms,
                        bool derivative, bool want_coefficients, at::Tensor& coefficients) {
  if (!want_coefficients) return kernels.of<T>().contraction_backward({a, n_atoms, n_atoms, 0}, derivative, stream);
  const int64_t groups = groups_of_atoms(n_atoms, coefficients.numel());
  const auto sizes = coefficients.sizes();
  const at::Tensor sums = at::zeros({groups, sizes[0], sizes[1], sizes[2]}, coefficients.options());
  a.grad_coefficients = sums.data_ptr<T>();
  kernels.of<T>().contraction_backward({a, n_atoms, groups, sizes[0]}, derivative, stream);
  coefficients = sums.sum(0);
}

/// Gradients of sum(out * adjoint), or with tangents their derivative along them, and that of `out` itself.
Gradients run_backward(const at::Tensor& x, const at::Tensor& coefficients, const at::Tensor& species,
                       const at::Tensor& tree, const at::Tensor& adjoint, bool want_x, bool want_coefficients,
                       bool want_out, const Tangents& tangents) {
  Gradients found;
  if (want_x) found.x = at::empty_like(x);
  if (want_coefficients) found.coefficients = at::zeros_like(coefficients);
  if (want_out) found.out = at::empty_like(adjoint);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "mlip::contraction", [&] {
    auto a = arguments<scalar_t>(x, coefficients, species, tree, adjoint.size(1), tangents);
    a.adjoint = adjoint.const_data_ptr<scalar_t>();
    if (want_x) a.grad_x = found.x.data_ptr<scalar_t>();
    if (want_out) a.out = found.out.data_ptr<scalar_t>();
    if (on_device(x, [&](const cuda::Kernels& kernels, void* stream) {
          backward_on_device(kernels, stream, a, x.size(0), tangents.any(), want_coefficients, found.coefficients);
        }))
      return;
    const auto& kernels = ops::kernels<scalar_t>().contraction;
    const auto kernel = tangents.any() ? kernels.backward_derivative : kernels.backward;
    const auto bounds = even_split(x.size(0));
    ThreadSums sums(want_coefficients ? found.coefficients : at::empty({0}, x.options()),
                    static_cast<int>(bounds.size()) - 1);
    on_threads(bounds, [&](int thread, int64_t begin, int64_t end) {
      auto mine = a;
      if (want_coefficients) mine.grad_coefficients = sums.of(thread).template data_ptr<scalar_t>();
      kernel(mine, begin, end);
    });
    sums.join();
  });
  return found;
}

at::Tensor contiguous(const at::Tensor& x) {
  return x.defined() ? x.contiguous() : x;
}

struct ContractionGradient : torch::autograd::Function<ContractionGradient> {
  static variable_list forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& coefficients,
                               const at::Tensor& adjoint, const at::Tensor& species, const at::Tensor& tree,
                               bool want_x, bool want_coefficients) {
    const at::Tensor adj = contiguous(adjoint);
    context->save_for_backward({x, coefficients, adj, species, tree});
    context->set_materialize_grads(false);
    const auto found = run_backward(x, coefficients, species, tree, adj, want_x, want_coefficients, false, {});
    // a custom function cannot return undefined tensors; what is empty is not read
    return {want_x ? found.x : at::empty({0}, x.options()),
            want_coefficients ? found.coefficients : at::empty({0}, x.options())};
  }

  static variable_list backward(AutogradContext* context, const variable_list& cotangents) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "mlip::contraction can be differentiated twice, not three times");
    const auto saved = context->get_saved_variables();
    const Tangents along{contiguous(cotangents[0]), contiguous(cotangents[1])};
    variable_list gradients(7);
    if (!along.any()) return gradients;
    const auto found = run_backward(saved[0], saved[1], saved[3], saved[4], saved[2], context->needs_input_grad(0),
                                    context->needs_input_grad(1), context->needs_input_grad(2), along);
    gradients[0] = found.x;
    gradients[1] = found.coefficients;
    gradients[2] = found.out;
    return gradients;
  }
};

struct ContractionFunction : torch::autograd::Function<ContractionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& coefficients,
                            const at::Tensor& species, const at::Tensor& tree, int64_t n_outputs) {
    context->save_for_backward({x, coefficients, species, tree});
    return run_forward(x, coefficients, species, tree, n_outputs);
  }

  static variable_list backward(AutogradContext* context, const variable_list& adjoint) {
    const auto saved = context->get_saved_variables();
    const bool want_x = context->needs_input_grad(0), want_coefficients = context->needs_input_grad(1);
    auto found =
        ContractionGradient::apply(saved[0], saved[1], adjoint[0], saved[2], saved[3], want_x, want_coefficients);
    return {want_x ? found[0] : at::Tensor(), want_coefficients ? found[1] : at::Tensor(), {}, {}, {}};
  }
};

at::Tensor contraction(const at::Tensor& x, const at::Tensor& coefficients, const at::Tensor& species,
                       const at::Tensor& tree, int64_t n_outputs) {
  TORCH_CHECK(x.dim() == 3 && x.size(1) <= ops::MOST_COMPONENTS, "mlip::contraction: x must be [atoms, at most ",
              ops::MOST_COMPONENTS, ", channels], got ", x.sizes());
  TORCH_CHECK(coefficients.dim() == 3 && coefficients.size(2) == x.size(2) && coefficients.dtype() == x.dtype(),
              "mlip::contraction: coefficients must be [species, monomials, channels] like x, got ",
              coefficients.sizes());
  TORCH_CHECK(species.size(0) == x.size(0), "mlip::contraction: ", species.size(0), " species for ", x.size(0),
              " atoms");
  TORCH_CHECK(tree.dim() == 2 && tree.size(1) == 4 && tree.scalar_type() == at::kInt,
              "mlip::contraction: the tree must be [nodes, 4] of int32");
  return ContractionFunction::apply(x.contiguous(), coefficients.contiguous(), species.contiguous(), tree.contiguous(),
                                    n_outputs);
}

}  // namespace
}  // namespace mlip

TORCH_LIBRARY_FRAGMENT(mlip, library) {
  library.def("contraction(Tensor x, Tensor coefficients, Tensor species, Tensor tree, int n_outputs) -> Tensor");
  library.impl("contraction",
               torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, TORCH_FN(mlip::contraction)));
}
