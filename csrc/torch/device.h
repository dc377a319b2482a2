// SPDX-License-Identifier: MIT
/// \file
/// Where kernels for a tensor run: on the processor, on a CUDA device, or on an emulated one.
///
/// No CUDA header is needed, so that this builds against any torch; the kernels themselves are in the folder cuda.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>

#include "cuda/kernels.h"

namespace mlip {

/// Whether this build has CUDA kernels.
bool has_cuda_kernels();

/// Whether kernels for this tensor are those of the folder cuda: on CUDA, or while tests emulate it.
bool is_on_device(const at::Tensor& x);

/// Of the device of `x`; throws where this build has none.
const cuda::Kernels& device_kernels(const at::Tensor& x);

/// torch's current stream there (cudaStream_t).
void* current_stream(const at::Tensor& x);

/// Calls `work(kernels, stream)` if `x` is on a device, which it makes the current one; tells whether it is.
template <class Work>
bool on_device(const at::Tensor& x, const Work& work) {
  if (!is_on_device(x)) return false;
  const c10::OptionalDeviceGuard guard(x.is_cuda() ? std::optional<at::Device>(x.device()) : std::nullopt);
  work(device_kernels(x), current_stream(x));
  return true;
}

}  // namespace mlip
