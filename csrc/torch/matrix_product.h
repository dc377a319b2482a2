// SPDX-License-Identifier: MIT
/// \file
/// Products of small strided matrices without the cost of making views of tensors.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace mlip {

/// Rows of numbers in a tensor: number j of row i lies at `offset` + i * `stride` + j.
struct Rows {
  const at::Tensor& tensor;
  int64_t offset, rows, columns, stride;
  bool transposed = false;

  Rows t() const { return {tensor, offset, rows, columns, stride, !transposed}; }
};

/// out = scale a b + (add ? out : 0). All of one dtype, float or double; `out` is not transposed. On a processor by the
/// BLAS that torch brings, on the calling thread where it is one of several.
void multiply(const Rows& out, const Rows& a, const Rows& b, double scale, bool add);

}  // namespace mlip
