// SPDX-License-Identifier: MIT
/// \file
/// Runs CUDA kernels on a CPU, to test them where there is no GPU; see cuda/launch.h for how kernel files are compiled.
///
/// Blocks run one after the other; the threads of a block are fibers that take turns, each running until it meets a
/// barrier, a shuffle or a vote. What goes wrong there stops the launch with std::runtime_error, naming lines:
///  - __syncthreads that some thread of the block does not reach (also one that has ended), or at another line;
///  - __syncwarp, shuffles and votes that some live thread named in the mask does not reach, or with another mask;
///  - a shuffle from a lane that takes no part in it;
///  - writing past the end of dynamic shared memory; a block that asks for more than 48 KiB or for part of a warp.
/// Dynamic shared memory starts as NaNs (all bits set). Races show when the order of the threads is changed: results
/// must be bitwise the same for mlip_emulator_order(0), (1) and any other number (see below). Compiled with
/// -fsanitize=address (and libasan preloaded), accesses outside of an array stop the process.
///
/// What kernels may use (this list is the interface; it only grows):
///   __global__ __device__ __host__ __forceinline__ __restrict__ __launch_bounds__ __shared__ __align__
///   threadIdx blockIdx blockDim gridDim dim3; mlip::cuda::launch, SHARED (of cuda/launch.h)
///   __syncthreads __syncwarp __shfl_sync __shfl_xor_sync __shfl_down_sync __shfl_up_sync
///   __ballot_sync __any_sync __all_sync __ldg __popc __ffs __clz
///   atomicAdd atomicMax atomicMin atomicExch atomicCAS atomicOr for int, unsigned and unsigned long long
/// and the mathematical functions of <cmath> (overloaded for float and double, in the global namespace).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static  // blocks run one after the other
#define __align__(n) alignas(n)

#define SHARED(T, name) T *name = static_cast<T *>(mlip::emulator::shared_memory())
#define MLIP_WHERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

/// The order in which threads of a block take turns: 0 ascending, 1 descending, other numbers: random by that seed.
extern "C" void mlip_emulator_order(int64_t order);
/// How many blocks have run since the library was loaded: tests see that kernels were really run.
extern "C" int64_t mlip_emulator_blocks();

namespace mlip::emulator {

void run(const std::function<void()> &thread, dim3 grid, dim3 block, size_t shared_bytes);
void *shared_memory();
void block_barrier(const char *file, int line);
/// Hands `bytes` of each lane to all lanes of the mask; returns the warp's [32][8] bytes.
const unsigned char *exchange(unsigned mask, const void *value, size_t bytes, const char *file, int line);
/// Stops the launch unless the lane takes part in the exchange that was just made.
void check_source(int lane, const char *file, int line);

inline int lane() {
  return static_cast<int>(threadIdx.x % 32);
}

template <class T>
T from_lane(unsigned mask, T value, int source, const char *file, int line) {
  static_assert(sizeof(T) <= 8);
  const unsigned char *all = exchange(mask, &value, sizeof(T), file, line);
  check_source(source, file, line);
  T result;
  std::memcpy(&result, all + 8 * source, sizeof(T));
  return result;
}

}  // namespace mlip::emulator

namespace mlip::cuda {

template <class... Parameters>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, size_t shared_bytes, void * /*stream*/,
            std::type_identity_t<Parameters>... arguments) {
  mlip::emulator::run([&] { kernel(arguments...); }, grid, block, shared_bytes);
}

}  // namespace mlip::cuda

inline void __syncthreads(MLIP_WHERE) {
  mlip::emulator::block_barrier(file, line);
}
inline void __syncwarp(unsigned mask = 0xffffffffu, MLIP_WHERE) {
  mlip::emulator::exchange(mask, nullptr, 0, file, line);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, MLIP_WHERE) {
  const int first = mlip::emulator::lane() / width * width;
  return mlip::emulator::from_lane(mask, value, first + source % width, file, line);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, MLIP_WHERE) {
  const int lane = mlip::emulator::lane(), source = lane ^ bits;
  return mlip::emulator::from_lane(mask, value, source / width <= lane / width ? source : lane, file, line);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, MLIP_WHERE) {
  const int lane = mlip::emulator::lane(), source = lane + static_cast<int>(by);
  return mlip::emulator::from_lane(mask, value, source / width == lane / width ? source : lane, file, line);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, MLIP_WHERE) {
  const int lane = mlip::emulator::lane(), source = lane - static_cast<int>(by);
  return mlip::emulator::from_lane(mask, value, source >= lane / width * width ? source : lane, file, line);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, MLIP_WHERE) {
  const unsigned char mine = predicate != 0;
  const unsigned char *all = mlip::emulator::exchange(mask, &mine, 1, file, line);
  unsigned votes = 0;
  for (int lane = 0; lane < 32; lane++)
    if ((mask >> lane & 1u) && all[8 * lane] == 1) votes |= 1u << lane;
  return votes;
}
inline int __any_sync(unsigned mask, int predicate, MLIP_WHERE) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}
inline int __all_sync(unsigned mask, int predicate, MLIP_WHERE) {
  return __ballot_sync(mask, !predicate, file, line) == 0;
}

template <class T>
T __ldg(const T *p) {
  return *p;
}
inline int __popc(unsigned x) {
  return __builtin_popcount(x);
}
inline int __ffs(int x) {
  return __builtin_ffs(x);
}
inline int __clz(int x) {
  return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}

// Whole numbers only: sums of floating-point numbers by atomics depend on timing.
#define MLIP_ATOMIC(T)                        \
  inline T atomicAdd(T *at, T x) {            \
    const T old = *at;                        \
    *at = old + x;                            \
    return old;                               \
  }                                           \
  inline T atomicMax(T *at, T x) {            \
    const T old = *at;                        \
    if (x > old) *at = x;                     \
    return old;                               \
  }                                           \
  inline T atomicMin(T *at, T x) {            \
    const T old = *at;                        \
    if (x < old) *at = x;                     \
    return old;                               \
  }                                           \
  inline T atomicExch(T *at, T x) {           \
    const T old = *at;                        \
    *at = x;                                  \
    return old;                               \
  }                                           \
  inline T atomicCAS(T *at, T compare, T x) { \
    const T old = *at;                        \
    if (old == compare) *at = x;              \
    return old;                               \
  }                                           \
  inline T atomicOr(T *at, T x) {             \
    const T old = *at;                        \
    *at = old | x;                            \
    return old;                               \
  }
MLIP_ATOMIC(int)
MLIP_ATOMIC(unsigned)
MLIP_ATOMIC(unsigned long long)
#undef MLIP_ATOMIC

using std::ceil;
using std::fabs;
using std::floor;
using std::fma;
using std::isfinite;
using std::rint;
using std::sqrt;
