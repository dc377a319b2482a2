// SPDX-License-Identifier: MIT
/// \file
/// torch.ops.mlip.degree_linear: linear maps over channels, one matrix per degree and group of atoms.
///
/// The sum T(x, w, y) = sum over atoms, degrees l and components m of scale[l] x[i, (l, m, p, c)] w[g(i), l, p, c, d]
/// y[i, (l, m), d] is linear in each argument: leaving out one gives the map, its transpose and the gradient of the
/// weights, and the derivatives of each are again two of the three. Every component is a matrix product of strided
/// views: nothing is copied, unless atoms of a group have to be gathered.

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <numeric>

#include "torch/kernel_threads.h"
#include "torch/matrix_product.h"

namespace mlip {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t CHUNK = 128;  // atoms gathered at a time: they stay in the second-level cache

enum Missing : int64_t { Y, X, W };

struct Shape {
  std::vector<int64_t> paths;    // into each degree
  std::vector<double> scale;     // of each degree
  at::Tensor group;              // [n], or empty: one group
  std::vector<int64_t> weights;  // [groups, sum of paths, channels in, channels out]

  int64_t rows() const {
    int64_t n = 0;
    for (size_t l = 0; l < paths.size(); l++) n += (2 * static_cast<int64_t>(l) + 1) * paths[l];
    return n;
  }
  int64_t components() const { return static_cast<int64_t>(paths.size() * paths.size()); }
};

/// Atoms of one group that are treated together.
struct Chunk {
  int64_t group;
  at::Tensor atoms;  // their numbers; undefined: the range begin .. begin + n - 1
  int64_t begin, n;
};

std::vector<Chunk> chunks_of(const Shape& shape, int64_t n) {
  std::vector<Chunk> chunks;
  if (shape.group.numel() == 0) {
    if (shape.group.is_cuda()) return {{0, {}, 0, n}};  // one large product instead of one for each thread
    const auto bounds = even_split(n);
    for (size_t k = 0; k + 1 < bounds.size(); k++) chunks.push_back({0, {}, bounds[k], bounds[k + 1] - bounds[k]});
    return chunks;
  }
  const at::Tensor group = shape.group.to(at::kCPU).contiguous();
  const int64_t* g = group.const_data_ptr<int64_t>();
  std::vector<std::vector<int64_t>> members(shape.weights[0]);
  for (int64_t i = 0; i < n; i++) {
    TORCH_CHECK(g[i] >= 0 && g[i] < shape.weights[0], "mlip::degree_linear: atom ", i, " has group ", g[i], " of ",
                shape.weights[0]);
    members[g[i]].push_back(i);
  }
  const int64_t most = shape.group.is_cuda() ? std::max<int64_t>(n, 1) : CHUNK;
  for (int64_t k = 0; k < shape.weights[0]; k++)
    for (int64_t first = 0; first < static_cast<int64_t>(members[k].size()); first += most) {
      const int64_t size = std::min<int64_t>(most, static_cast<int64_t>(members[k].size()) - first);
      at::Tensor atoms = at::empty({size}, at::kLong);
      std::copy_n(members[k].begin() + first, size, atoms.data_ptr<int64_t>());
      chunks.push_back({k, atoms.to(shape.group.device()), 0, size});
    }
  return chunks;
}

/// The atoms of a chunk: the tensor and the row where they begin, gathered if they have to be.
struct Atoms {
  at::Tensor tensor;
  int64_t begin;
};

Atoms atoms_of(const at::Tensor& x, const Chunk& chunk) {
  if (chunk.atoms.defined()) return {x.index_select(0, chunk.atoms), 0};
  return {x, chunk.begin};
}

/// n atoms, component by component.
template <Missing MISSING>
void run_chunk(const Shape& shape, int64_t n, int64_t group, const Atoms& x, const at::Tensor& w, const Atoms& y) {
  const int64_t c_in = shape.weights[2], c_out = shape.weights[3];
  const int64_t x_row = shape.rows() * c_in, y_row = shape.components() * c_out;
  int64_t path = 0, row = 0;
  for (int64_t l = 0; l < static_cast<int64_t>(shape.paths.size()); l++) {
    const int64_t paths = shape.paths[l], fan_in = paths * c_in;
    const Rows weight{w, group * w.stride(0) + path * w.stride(1), fan_in, c_out, c_out};
    for (int64_t m = 0; m < 2 * l + 1; m++, row += paths) {
      const Rows in{x.tensor, x.begin * x_row + row * c_in, n, fan_in, x_row};
      const Rows out{y.tensor, y.begin * y_row + (l * l + m) * c_out, n, c_out, y_row};
      if (MISSING == Y) multiply(out, in, weight, shape.scale[l], false);
      if (MISSING == X) multiply(in, out, weight.t(), shape.scale[l], false);
      if (MISSING == W) multiply(weight, in.t(), out, shape.scale[l], true);
    }
    path += paths;
  }
}

/// The matrix of a path in one piece, and those of several paths into a degree one after the other.
at::Tensor in_pieces(const Shape& shape, const at::Tensor& w) {
  const int64_t most = *std::max_element(shape.paths.begin(), shape.paths.end());
  const bool fits = w.stride(3) == 1 && w.stride(2) == w.size(3) && (most == 1 || w.stride(1) == w.size(2) * w.size(3));
  return fits ? w : w.contiguous();
}

template <Missing MISSING>
at::Tensor run(const Shape& shape, const at::Tensor& x, const at::Tensor& weights, const at::Tensor& y) {
  const at::Tensor& known = MISSING == Y ? x : y;
  const int64_t n = known.size(0);
  at::Tensor result;
  if (MISSING == Y) result = at::empty({n, shape.components(), shape.weights[3]}, known.options());
  if (MISSING == X) result = at::empty({n, shape.rows(), shape.weights[2]}, known.options());
  if (MISSING == W) result = at::zeros(shape.weights, known.options());
  const at::Tensor w = MISSING == W ? result : in_pieces(shape, weights);
  const auto work = [&](const Chunk& chunk) {
    const at::AutoDispatchBelowADInplaceOrView no_autograd;
    if (chunk.n == 0) return;
    if (MISSING == W) return run_chunk<MISSING>(shape, chunk.n, chunk.group, atoms_of(x, chunk), w, atoms_of(y, chunk));
    const Atoms given = atoms_of(known, chunk);
    Atoms found{result, chunk.begin};
    if (chunk.atoms.defined()) found = {at::empty({chunk.n, result.size(1), result.size(2)}, result.options()), 0};
    run_chunk<MISSING>(shape, chunk.n, chunk.group, MISSING == X ? found : given, w, MISSING == Y ? found : given);
    if (chunk.atoms.defined()) result.index_copy_(0, chunk.atoms, found.tensor);
  };
  const auto chunks = chunks_of(shape, n);
  if (MISSING == W || known.is_cuda()) {
    for (const Chunk& chunk : chunks) work(chunk);
  } else {
    at::parallel_for(0, static_cast<int64_t>(chunks.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; k++) work(chunks[k]);
    });
  }
  return result;
}

/// x and w, y and w, or x and y: what is missing is computed.
struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& a, const at::Tensor& b, int64_t missing,
                            const Shape& shape) {
    context->save_for_backward({a, b, shape.group});
    context->saved_data["missing"] = missing;
    context->saved_data["paths"] = shape.paths;
    context->saved_data["scale"] = shape.scale;
    context->saved_data["weights"] = shape.weights;
    if (missing == Y) return run<Y>(shape, a.contiguous(), b, {});
    if (missing == X) return run<X>(shape, {}, b, a.contiguous());
    return run<W>(shape, a.contiguous(), {}, b.contiguous());
  }

  static variable_list backward(AutogradContext* context, const variable_list& adjoint) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &a = saved[0], &b = saved[1], &g = adjoint[0];
    const int64_t missing = context->saved_data["missing"].toInt();
    const Shape shape{context->saved_data["paths"].toIntVector(), context->saved_data["scale"].toDoubleVector(),
                      saved[2], context->saved_data["weights"].toIntVector()};
    variable_list gradients(4);
    const bool by_a = context->needs_input_grad(0), by_b = context->needs_input_grad(1);
    if (missing == Y) {  // a = x, b = w, g like y
      if (by_a) gradients[0] = apply(g, b, X, shape);
      if (by_b) gradients[1] = apply(a, g, W, shape);
    } else if (missing == X) {  // a = y, b = w, g like x
      if (by_a) gradients[0] = apply(g, b, Y, shape);
      if (by_b) gradients[1] = apply(g, a, W, shape);
    } else {  // a = x, b = y, g like w
      if (by_a) gradients[0] = apply(b, g, X, shape);
      if (by_b) gradients[1] = apply(a, g, Y, shape);
    }
    return gradients;
  }
};

at::Tensor degree_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& group,
                         const std::vector<int64_t>& paths, const std::vector<double>& scale) {
  TORCH_CHECK(x.dim() == 3 && weight.dim() == 4 && weight.size(2) == x.size(2) && weight.dtype() == x.dtype(),
              "mlip::degree_linear: x must be [atoms, rows, channels] and weight [groups, paths, channels, channels "
              "out], got ",
              x.sizes(), " and ", weight.sizes());
  const Shape shape{paths, scale, group, weight.sizes().vec()};
  TORCH_CHECK(scale.size() == paths.size() && x.size(1) == shape.rows() &&
                  weight.size(1) == std::accumulate(paths.begin(), paths.end(), int64_t{0}),
              "mlip::degree_linear: ", x.size(1), " rows and ", weight.size(1), " paths do not fit the paths ", paths,
              " into degrees 0 to ", static_cast<int64_t>(paths.size()) - 1);
  TORCH_CHECK(group.numel() == x.size(0) || (group.numel() == 0 && weight.size(0) == 1),
              "mlip::degree_linear: ", group.numel(), " group numbers for ", x.size(0), " atoms and ", weight.size(0),
              " groups");
  return LinearFunction::apply(x, weight, Y, shape);
}

}  // namespace
}  // namespace mlip

TORCH_LIBRARY_FRAGMENT(mlip, library) {
  library.def("degree_linear(Tensor x, Tensor weight, Tensor group, int[] paths, float[] scale) -> Tensor");
  library.impl("degree_linear",
               torch::dispatch(c10::DispatchKey::CompositeImplicitAutograd, TORCH_FN(mlip::degree_linear)));
}
