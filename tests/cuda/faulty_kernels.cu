// SPDX-License-Identifier: MIT
// Kernels with one mistake each: the emulator must see them.
#include "cuda/launch.h"

namespace {

using namespace mlip::cuda;

__global__ void barrier_in_a_branch() {
  if (threadIdx.x < 40) __syncthreads();
}

__global__ void two_barriers() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}

__global__ void shuffle_in_a_branch(float *out) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < 16) out[lane] = __shfl_xor_sync(ALL_LANES, out[lane], 1);
  __syncthreads();
}

__global__ void shuffle_from_an_ended_lane(float *out) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane >= 16) return;
  out[lane] = __shfl_down_sync(ALL_LANES, out[lane], 16);
}

__global__ void past_the_end() {
  SHARED(float, shared);
  shared[threadIdx.x + 1] = 1;
}

__global__ void no_barrier(float *out) {
  SHARED(float, shared);
  const unsigned k = threadIdx.x;
  shared[k] = static_cast<float>(k);
  out[k] = shared[(k + 1) % blockDim.x];  // the neighbour may not have written yet
}

__global__ void past_the_array(float *out) {
  out[threadIdx.x + 1] = 1;
}

__global__ void reverse(float *out) {
  SHARED(float, shared);
  const unsigned k = threadIdx.x;
  shared[k] = out[k];
  __syncthreads();
  out[k] = shared[blockDim.x - 1 - k];
}

}  // namespace

/// Runs the kernel of this name on 64 numbers; what went wrong, or nothing.
extern "C" __attribute__((visibility("default"))) const char *run_kernel(const char *name, float *numbers) {
  static std::string answer;
  const std::string wanted = name;
  const auto start = [&](auto kernel, size_t bytes, auto... arguments) {
    launch(kernel, dim3(1), dim3(64), bytes, nullptr, arguments...);
  };
  try {
    if (wanted == "barrier_in_a_branch") start(barrier_in_a_branch, 0);
    if (wanted == "two_barriers") start(two_barriers, 0);
    if (wanted == "shuffle_in_a_branch") start(shuffle_in_a_branch, 0, numbers);
    if (wanted == "shuffle_from_an_ended_lane") start(shuffle_from_an_ended_lane, 0, numbers);
    if (wanted == "past_the_end") start(past_the_end, 64 * sizeof(float));
    if (wanted == "no_barrier") start(no_barrier, 64 * sizeof(float), numbers);
    if (wanted == "past_the_array") start(past_the_array, 0, numbers);
    if (wanted == "reverse") start(reverse, 64 * sizeof(float), numbers);
    if (wanted == "too_much_shared_memory") start(reverse, 50000, numbers);
    if (wanted == "part_of_a_warp") launch(reverse, dim3(1), dim3(40), 160, nullptr, numbers);
    answer.clear();
  } catch (const std::exception &error) {
    answer = error.what();
  }
  return answer.c_str();
}
