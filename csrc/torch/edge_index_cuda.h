// SPDX-License-Identifier: MIT
/// \file
/// Where the edges of each centre and of each neighbour lie, on a device. Edges are not checked there: that would make
/// the host wait. They come from a neighbour list, or from a caller who has checked them.
#pragma once

#include <ATen/ATen.h>

namespace mlip {

/// [n_segments + 1]: how many of the ascending keys are below 0, 1, .. n_segments.
at::Tensor segment_starts(const at::Tensor& keys, int64_t n_segments);

struct IncomingEdges {
  at::Tensor edges;  // [E] by neighbour, ascending for each
  at::Tensor first;  // [n_all + 1]
};

IncomingEdges incoming_edges(const at::Tensor& neighbour, int64_t n_all);

}  // namespace mlip
