// SPDX-License-Identifier: MIT
#include "torch/kernel_threads.h"

#include <algorithm>

namespace mlip {

std::vector<int64_t> split_by_edges(const std::vector<int64_t>& first_edge, int parts) {
  const auto n = static_cast<int64_t>(first_edge.size()) - 1;
  const int64_t work = first_edge[n] + n;
  std::vector<int64_t> bounds(parts + 1, n);
  bounds[0] = 0;
  int64_t centre = 0;
  for (int part = 1; part < parts; part++) {
    while (centre < n && first_edge[centre] + centre < work * part / parts) centre++;
    bounds[part] = centre;
  }
  return bounds;
}

std::vector<int64_t> even_split(int64_t n) {
  const int64_t parts = at::get_num_threads();
  std::vector<int64_t> bounds;
  for (int64_t part = 0; part <= parts; part++) bounds.push_back(n * part / parts);
  return bounds;
}

ThreadSums::ThreadSums(at::Tensor result, int threads) : result_(std::move(result)) {
  for (int k = 1; k < threads; k++) copies_.push_back(at::zeros_like(result_));
}

void ThreadSums::join() {
  for (const at::Tensor& copy : copies_) result_.add_(copy);
}

}  // namespace mlip
