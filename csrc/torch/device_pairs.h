// SPDX-License-Identifier: MIT
//
// Pairs, positions and sums on a device: the kernels of cuda/edges.cu and cuda/cells.cu around the module, with tensors
// as memory, so that torch's caching allocator serves both.
#pragma once

#include <memory>

#include "torch/torchscript_backend.h"

namespace mlip {

/// For a backend that is prepared; null where its device has no such kernels, and on a CPU (unless emulated).
std::unique_ptr<DevicePairs> make_device_pairs(TorchScriptBackend& backend);

}  // namespace mlip
