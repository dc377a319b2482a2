// SPDX-License-Identifier: MIT
#include "torch/edge_index_cuda.h"

#include "torch/device.h"

namespace mlip {

at::Tensor segment_starts(const at::Tensor& keys, int64_t n_segments) {
  at::Tensor first = at::empty({n_segments + 1}, keys.options());
  on_device(keys, [&](const cuda::Kernels& kernels, void* stream) {
    kernels.segment_starts(keys.const_data_ptr<int64_t>(), keys.size(0), n_segments, first.data_ptr<int64_t>(), stream);
  });
  return first;
}

IncomingEdges incoming_edges(const at::Tensor& neighbour, int64_t n_all) {
  const int64_t n_edges = neighbour.size(0);
  const auto* j = neighbour.const_data_ptr<int64_t>();
  IncomingEdges found{at::empty_like(neighbour), at::zeros({n_all + 1}, neighbour.options())};
  at::Tensor after = found.first.narrow(0, 1, n_all);  // running sums with this atom, without it from the start
  const at::Tensor unordered = at::empty_like(neighbour);
  on_device(neighbour, [&](const cuda::Kernels& kernels, void* stream) {
    at::Tensor ends = at::zeros({n_all}, neighbour.options());
    kernels.count_incoming(j, n_edges, ends.data_ptr<int64_t>(), stream);
    at::cumsum_out(after, ends, 0);
    ends.copy_(after);
    kernels.list_incoming(j, n_edges, n_all, found.first.const_data_ptr<int64_t>(), ends.data_ptr<int64_t>(),
                          unordered.data_ptr<int64_t>(), found.edges.data_ptr<int64_t>(), stream);
  });
  return found;
}

}  // namespace mlip
