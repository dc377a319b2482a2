// SPDX-License-Identifier: MIT
/// \file
/// torch.ops.mlip.windowed_sum: sums over windows of six consecutive rows of a matrix, on the processor.
///
/// The trilinear form of ops/windows.h: leaving out one argument gives the sums or a gradient, and the derivatives of
/// each are again two of the three.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "ops/kernels.h"
#include "torch/kernel_threads.h"

namespace mlip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

enum Missing : int64_t { SUMS, ROWS, FACTORS };

/// Two of factors [E, 6], rows [n_rows, columns] and sums [E, columns] are given, the third is made.
at::Tensor run(Missing missing, const at::Tensor& factors, const at::Tensor& rows, const at::Tensor& sums,
               const at::Tensor& start, int64_t n_rows) {
  const at::Tensor& known = missing == SUMS ? rows : sums;
  const int64_t n = start.size(0), columns = known.size(1);
  at::Tensor made;
  if (missing == SUMS) made = at::empty({n, columns}, known.options());
  if (missing == ROWS) made = at::zeros({n_rows, columns}, known.options());
  if (missing == FACTORS) made = at::empty({n, ops::SPLINE_PIECES}, known.options());
  AT_DISPATCH_FLOATING_TYPES(known.scalar_type(), "mlip::windowed_sum", [&] {
    const auto pointer = [&](Missing which, const at::Tensor& x) {
      return which == missing ? made.data_ptr<scalar_t>() : const_cast<scalar_t*>(x.const_data_ptr<scalar_t>());
    };
    const ops::WindowArguments<scalar_t> a{columns, start.const_data_ptr<int64_t>(), pointer(FACTORS, factors),
                                           pointer(ROWS, rows), pointer(SUMS, sums)};
    const auto& kernels = ops::kernels<scalar_t>().windows;
    const auto bounds = even_split(n);
    if (missing != ROWS) {
      const auto kernel = missing == SUMS ? kernels.sums : kernels.factors;
      on_threads(bounds, [&](int, int64_t begin, int64_t end) { kernel(a, begin, end); });
      return;
    }
    ThreadSums totals(made, static_cast<int>(bounds.size()) - 1);
    on_threads(bounds, [&](int thread, int64_t begin, int64_t end) {
      auto mine = a;
      mine.rows = totals.of(thread).template data_ptr<scalar_t>();
      kernels.rows(mine, begin, end);
    });
    totals.join();
  });
  return made;
}

/// The two that are given: factors and rows, factors and sums, or rows and sums.
struct WindowFunction : torch::autograd::Function<WindowFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& a, const at::Tensor& b, const at::Tensor& start,
                            int64_t missing, int64_t n_rows) {
    const at::Tensor first = a.contiguous(), second = b.contiguous();
    context->save_for_backward({first, second, start});
    context->saved_data["missing"] = missing;
    context->saved_data["n_rows"] = n_rows;
    if (missing == SUMS) return run(SUMS, first, second, {}, start, n_rows);
    if (missing == ROWS) return run(ROWS, first, {}, second, start, n_rows);
    return run(FACTORS, {}, first, second, start, n_rows);
  }

  static variable_list backward(AutogradContext* context, const variable_list& adjoint) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &a = saved[0], &b = saved[1], &start = saved[2], &g = adjoint[0];
    const int64_t missing = context->saved_data["missing"].toInt(), n_rows = context->saved_data["n_rows"].toInt();
    const bool by_a = context->needs_input_grad(0), by_b = context->needs_input_grad(1);
    variable_list gradients(5);
    if (missing == SUMS) {  // a = factors, b = rows, g like sums
      if (by_a) gradients[0] = apply(b, g, start, FACTORS, n_rows);
      if (by_b) gradients[1] = apply(a, g, start, ROWS, n_rows);
    } else if (missing == ROWS) {  // a = factors, b = sums, g like rows
      if (by_a) gradients[0] = apply(g, b, start, FACTORS, n_rows);
      if (by_b) gradients[1] = apply(a, g, start, SUMS, n_rows);
    } else {  // a = rows, b = sums, g like factors
      if (by_a) gradients[0] = apply(g, b, start, ROWS, n_rows);
      if (by_b) gradients[1] = apply(g, a, start, SUMS, n_rows);
    }
    return gradients;
  }
};

at::Tensor windowed_sum(const at::Tensor& factors, const at::Tensor& rows, const at::Tensor& start) {
  TORCH_CHECK(factors.dim() == 2 && factors.size(1) == ops::SPLINE_PIECES && factors.size(0) == start.size(0),
              "mlip::windowed_sum: factors must be [", start.size(0), ", ", ops::SPLINE_PIECES, "], got ",
              factors.sizes());
  TORCH_CHECK(rows.dim() == 2 && rows.dtype() == factors.dtype(),
              "mlip::windowed_sum: rows must be [rows, columns] of ", factors.dtype(), ", got ", rows.sizes(), " of ",
              rows.dtype());
  TORCH_CHECK(factors.is_cpu() && rows.is_cpu(), "mlip::windowed_sum is for the processor");
  const int64_t n_rows = rows.size(0);
  if (start.numel() > 0) {
    const auto [least, most] = start.aminmax();
    TORCH_CHECK(least.item<int64_t>() >= 0 && most.item<int64_t>() + ops::SPLINE_PIECES <= n_rows,
                "mlip::windowed_sum: windows of ", ops::SPLINE_PIECES, " rows begin at ", least.item<int64_t>(), " to ",
                most.item<int64_t>(), " of ", n_rows);
  }
  return WindowFunction::apply(factors, rows, start.contiguous(), SUMS, n_rows);
}

}  // namespace
}  // namespace mlip

TORCH_LIBRARY_FRAGMENT(mlip, library) {
  library.def("windowed_sum(Tensor factors, Tensor rows, Tensor start) -> Tensor");
  library.impl("windowed_sum",
               torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, TORCH_FN(mlip::windowed_sum)));
}
