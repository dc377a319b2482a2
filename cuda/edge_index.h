// SPDX-License-Identifier: MIT
/// \file
/// Launchers of edge_index.cu; what they do is written in kernels.h.
#pragma once

#include <cstdint>

#include "launch.h"

namespace mlip::cuda {

void segment_starts(const int64_t *keys, int64_t n, int64_t n_segments, int64_t *first, void *stream);
void count_incoming(const int64_t *neighbour, int64_t n_edges, int64_t *counts, void *stream);
void list_incoming(const int64_t *neighbour, int64_t n_edges, int64_t n_all, const int64_t *first, int64_t *ends,
                   int64_t *unordered, int64_t *incoming, void *stream);

}  // namespace mlip::cuda
