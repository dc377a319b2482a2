// SPDX-License-Identifier: MIT
/// \file
/// What every kernel file (*.cu) includes instead of the CUDA headers: the language extensions, `launch` and `SHARED`.
///
/// nvcc compiles kernel files for GPUs. The tests compile the same files with the host's compiler as plain C++
/// (-x c++ -DMLIP_EMULATE_CUDA -I tests/cuda/emulator): tests/cuda/emulator/cuda_emulator.h then plays the GPU. So
/// that both work, kernel files
///  - include no CUDA header, and headers that they share with the CPU (csrc/ops) after this one;
///  - start kernels by `launch(kernel<...>, grid, block, shared_bytes, stream, arguments...)`, never by <<< >>>;
///  - take dynamic shared memory by `SHARED(T, name)`, at most 48 KiB, and give threads in multiples of a warp;
///  - use of the CUDA interface only what the emulator declares (listed at its top).
/// Nothing allocates memory on the device or waits for it: memory comes from the caller, work goes to its stream.
#pragma once

#include <cstddef>
#include <cstdint>

/// Headers of csrc/ops then mean one channel per thread where a processor has vectors; see ops/simd.h.
#define MLIP_DEVICE 1
#define MLIP_ISA device

#ifdef MLIP_EMULATE_CUDA
#include <cuda_emulator.h>
#else
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>
#include <type_traits>

/// `name` is the dynamic shared memory of the block, as an array of T.
#define SHARED(T, name)                                            \
  extern __shared__ __align__(16) unsigned char mlip_shared_all[]; \
  T *name = reinterpret_cast<T *>(mlip_shared_all)

namespace mlip::cuda {

/// Starts a kernel on a stream (cudaStream_t). An empty grid starts nothing.
/// \throws std::runtime_error CUDA refused.
template <class... Parameters>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, void *stream,
            std::type_identity_t<Parameters>... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  void *pointers[] = {&arguments...};
  const cudaError_t status = cudaLaunchKernel(reinterpret_cast<const void *>(kernel), grid, block, pointers,
                                              shared_bytes, static_cast<cudaStream_t>(stream));
  if (status != cudaSuccess)
    throw std::runtime_error(std::string("a CUDA kernel did not start: ") + cudaGetErrorString(status) + " (grid " +
                             std::to_string(grid.x) + " x " + std::to_string(grid.y) + ", block " +
                             std::to_string(block.x) + ", shared memory " + std::to_string(shared_bytes) + " bytes)");
}

}  // namespace mlip::cuda
#endif

namespace mlip::cuda {

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

/// How many blocks of `size` cover n.
inline unsigned blocks(int64_t n, int64_t size) {
  return static_cast<unsigned>((n + size - 1) / size);
}

}  // namespace mlip::cuda
