// SPDX-License-Identifier: MIT
#include "torch/edge_index.h"

#include <algorithm>

namespace mlip {

EdgeIndex::EdgeIndex(const char* user, const at::Tensor& centre, const at::Tensor& neighbour, int64_t n_local,
                     int64_t n_all)
    : first_edge(n_local + 1, 0) {
  const int64_t n_edges = centre.size(0);
  const int64_t* c = centre.const_data_ptr<int64_t>();
  const int64_t* j = neighbour.const_data_ptr<int64_t>();
  int64_t previous = 0;
  bool valid = neighbour.size(0) == n_edges;
  for (int64_t e = 0; valid && e < n_edges; e++) {
    valid = c[e] >= previous && c[e] < n_local && j[e] >= 0 && j[e] < n_all;
    if (!valid) break;
    previous = c[e];
    first_edge[previous + 1]++;
  }
  TORCH_CHECK(valid, user, ": edges must be sorted by centre, with centres below ", n_local, " and neighbours below ",
              n_all);
  for (int64_t i = 0; i < n_local; i++) {
    most_edges = std::max(most_edges, first_edge[i + 1]);
    first_edge[i + 1] += first_edge[i];
  }
}

}  // namespace mlip
