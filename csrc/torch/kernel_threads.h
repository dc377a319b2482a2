// SPDX-License-Identifier: MIT
/// \file
/// Sharing kernels out over threads so that results do not depend on timing.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "torch/parallel.h"

namespace mlip {

/// Bounds of contiguous ranges of centres with about the same number of edges (plus one per centre): [parts + 1].
std::vector<int64_t> split_by_edges(const std::vector<int64_t>& first_edge, int parts);

/// Bounds of as many equal ranges as there are threads.
std::vector<int64_t> even_split(int64_t n);

/// Calls `work(thread, begin, end)` for each range, each on a thread of its own.
template <class Work>
void on_threads(const std::vector<int64_t>& bounds, const Work& work) {
  const auto parts = static_cast<int64_t>(bounds.size()) - 1;
  at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; part++) work(static_cast<int>(part), bounds[part], bounds[part + 1]);
  });
}

/// Sums that several threads add to: the first adds to the result itself, every other to a copy of its own; `join` adds
/// the copies in order.
class ThreadSums {
 public:
  ThreadSums(at::Tensor result, int threads);
  at::Tensor& of(int thread) { return thread == 0 ? result_ : copies_[thread - 1]; }
  void join();

 private:
  at::Tensor result_;
  std::vector<at::Tensor> copies_;
};

}  // namespace mlip
