// SPDX-License-Identifier: MIT
/// \file
/// Functions that CPU kernels and device kernels share: always inlined, and for both sides where a CUDA compiler reads
/// them.
#pragma once

#ifdef __CUDACC__
#define MLIP_SHARED __host__ __device__ __forceinline__
#else
#define MLIP_SHARED static inline __attribute__((always_inline))
#endif
