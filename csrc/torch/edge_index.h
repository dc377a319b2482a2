// SPDX-License-Identifier: MIT
/// \file
/// Where the edges of each centre lie.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace mlip {

struct EdgeIndex {
  std::vector<int64_t> first_edge;  // [n_local + 1]
  int64_t most_edges = 0;           // of one centre

  /// Throws, in the name of `user`, unless edges are sorted by centre, centres are below n_local and neighbours below
  /// n_all. Both tensors are contiguous.
  EdgeIndex(const char* user, const at::Tensor& centre, const at::Tensor& neighbour, int64_t n_local, int64_t n_all);
};

}  // namespace mlip
