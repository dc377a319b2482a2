// SPDX-License-Identifier: MIT
/// \file
/// Marks small pure functions that kernels for processors and for graphics cards share.
#pragma once

#ifdef __CUDACC__
#define MLIP_SHARED __host__ __device__ __forceinline__
#else
// of internal linkage, because kernel files are compiled once per instruction set
#define MLIP_SHARED static inline __attribute__((always_inline))
#endif
