// SPDX-License-Identifier: MIT
/// \file
/// torch.ops.mlip.species_density, for inference: differentiable once, by distances and harmonics.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/harmonics.h"
#include "ops/kernels.h"
#include "torch/device.h"
#include "torch/edge_index.h"
#include "torch/edge_index_cuda.h"
#include "torch/kernel_threads.h"

namespace mlip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// All that has no gradient.
struct Constants {
  at::Tensor table, centre, neighbour, species;
  double first, per_length;
  int64_t n_species, n_local;
};

template <class T>
ops::DensityArguments<T> arguments(const at::Tensor& distance, const at::Tensor& harmonics, const Constants& c,
                                   const int64_t* first_edge) {
  ops::DensityArguments<T> a{};
  a.n_harmonics = static_cast<int>(harmonics.size(1));
  a.n_species = static_cast<int>(c.n_species);
  a.n_radial = static_cast<int>(c.table.size(1));
  a.first_edge = first_edge;
  a.neighbour = c.neighbour.const_data_ptr<int64_t>();
  a.species = c.species.const_data_ptr<int64_t>();
  a.distance = distance.const_data_ptr<T>();
  a.harmonics = harmonics.const_data_ptr<T>();
  a.table = c.table.const_data_ptr<T>();
  a.n_intervals = c.table.size(0) - 5;
  a.first = static_cast<T>(c.first);
  a.per_length = static_cast<T>(c.per_length);
  return a;
}

template <class T, class Kernel>
void run(const ops::DensityArguments<T>& a, const EdgeIndex& edges, Kernel kernel) {
  on_threads(split_by_edges(edges.first_edge, at::get_num_threads()), [&](int, int64_t begin, int64_t end) {
    std::vector<T> scratch(ops::density_scratch(a, edges.most_edges));
    kernel(a, begin, end, scratch.data());
  });
}

at::Tensor forward_on_device(const at::Tensor& distance, const at::Tensor& harmonics, const Constants& c) {
  at::Tensor out = at::empty({c.n_local, harmonics.size(1), c.n_species * c.table.size(1)}, harmonics.options());
  const at::Tensor first_edge = segment_starts(c.centre, c.n_local);
  AT_DISPATCH_FLOATING_TYPES(harmonics.scalar_type(), "mlip::species_density", [&] {
    auto a = arguments<scalar_t>(distance, harmonics, c, first_edge.const_data_ptr<int64_t>());
    a.out = out.data_ptr<scalar_t>();
    on_device(harmonics, [&](const cuda::Kernels& kernels, void* stream) {
      kernels.of<scalar_t>().density_forward(a, c.n_local, stream);
    });
  });
  return out;
}

variable_list backward_on_device(const at::Tensor& distance, const at::Tensor& harmonics, const at::Tensor& adjoint,
                                 const Constants& c) {
  at::Tensor by_distance = at::empty_like(distance), by_harmonics = at::empty_like(harmonics);
  AT_DISPATCH_FLOATING_TYPES(harmonics.scalar_type(), "mlip::species_density", [&] {
    auto a = arguments<scalar_t>(distance, harmonics, c, nullptr);
    a.adjoint = adjoint.const_data_ptr<scalar_t>();
    a.grad_distance = by_distance.data_ptr<scalar_t>();
    a.grad_harmonics = by_harmonics.data_ptr<scalar_t>();
    on_device(harmonics, [&](const cuda::Kernels& kernels, void* stream) {
      kernels.of<scalar_t>().density_backward(a, c.centre.const_data_ptr<int64_t>(), c.centre.size(0), stream);
    });
  });
  return {by_distance, by_harmonics};
}

at::Tensor run_forward(const at::Tensor& distance, const at::Tensor& harmonics, const Constants& c) {
  if (is_on_device(harmonics)) return forward_on_device(distance, harmonics, c);
  const EdgeIndex edges("mlip::species_density", c.centre, c.neighbour, c.n_local, c.species.size(0));
  at::Tensor out = at::empty({c.n_local, harmonics.size(1), c.n_species * c.table.size(1)}, harmonics.options());
  AT_DISPATCH_FLOATING_TYPES(harmonics.scalar_type(), "mlip::species_density", [&] {
    auto a = arguments<scalar_t>(distance, harmonics, c, edges.first_edge.data());
    a.out = out.data_ptr<scalar_t>();
    run(a, edges, ops::kernels<scalar_t>().density.forward);
  });
  return out;
}

variable_list run_backward(const at::Tensor& distance, const at::Tensor& harmonics, const at::Tensor& adjoint,
                           const Constants& c) {
  if (is_on_device(harmonics)) return backward_on_device(distance, harmonics, adjoint, c);
  const EdgeIndex edges("mlip::species_density", c.centre, c.neighbour, c.n_local, c.species.size(0));
  at::Tensor by_distance = at::empty_like(distance), by_harmonics = at::empty_like(harmonics);
  AT_DISPATCH_FLOATING_TYPES(harmonics.scalar_type(), "mlip::species_density", [&] {
    auto a = arguments<scalar_t>(distance, harmonics, c, edges.first_edge.data());
    a.adjoint = adjoint.const_data_ptr<scalar_t>();
    a.grad_distance = by_distance.data_ptr<scalar_t>();
    a.grad_harmonics = by_harmonics.data_ptr<scalar_t>();
    run(a, edges, ops::kernels<scalar_t>().density.backward);
  });
  return {by_distance, by_harmonics};
}

struct DensityFunction : torch::autograd::Function<DensityFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& distance, const at::Tensor& harmonics,
                            const Constants& c) {
    context->save_for_backward({distance, harmonics, c.table, c.centre, c.neighbour, c.species});
    context->saved_data["line"] = std::vector<double>{c.first, c.per_length};
    context->saved_data["sizes"] = std::vector<int64_t>{c.n_species, c.n_local};
    return run_forward(distance, harmonics, c);
  }

  static variable_list backward(AutogradContext* context, const variable_list& adjoint) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "mlip::species_density can be differentiated once, not twice");
    const auto saved = context->get_saved_variables();
    const auto line = context->saved_data["line"].toDoubleVector();
    const auto sizes = context->saved_data["sizes"].toIntVector();
    const Constants c{saved[2], saved[3], saved[4], saved[5], line[0], line[1], sizes[0], sizes[1]};
    auto found = run_backward(saved[0], saved[1], adjoint[0].contiguous(), c);
    return {found[0], found[1], {}};
  }
};

at::Tensor species_density(const at::Tensor& distance, const at::Tensor& harmonics, const at::Tensor& table,
                           double first, double per_length, const at::Tensor& centre, const at::Tensor& neighbour,
                           const at::Tensor& species, int64_t n_species, int64_t n_local) {
  TORCH_CHECK(table.dim() == 2 && table.size(0) > 5 && table.size(1) <= ops::MOST_RADIAL,
              "mlip::species_density: the table must be [intervals + 5, at most ", ops::MOST_RADIAL, "], got ",
              table.sizes());
  TORCH_CHECK(harmonics.dim() == 2 && harmonics.size(1) <= ops::MOST_HARMONICS &&
                  distance.size(0) == harmonics.size(0) && centre.size(0) == harmonics.size(0),
              "mlip::species_density: harmonics must be [edges, at most ", ops::MOST_HARMONICS, "], got ",
              harmonics.sizes(), " for ", distance.size(0), " distances and ", centre.size(0), " centres");
  TORCH_CHECK(distance.dtype() == harmonics.dtype() && table.dtype() == harmonics.dtype(),
              "mlip::species_density: distance, harmonics and table must have one dtype");
  return DensityFunction::apply(distance.contiguous(), harmonics.contiguous(),
                                Constants{table.contiguous(), centre.contiguous(), neighbour.contiguous(),
                                          species.contiguous(), first, per_length, n_species, n_local});
}

}  // namespace
}  // namespace mlip

TORCH_LIBRARY_FRAGMENT(mlip, library) {
  library.def(
      "species_density(Tensor distance, Tensor harmonics, Tensor table, float first, float per_length, "
      "Tensor centre, Tensor neighbour, Tensor species, int n_species, int n_local) -> Tensor");
  library.impl("species_density",
               torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, TORCH_FN(mlip::species_density)));
}
