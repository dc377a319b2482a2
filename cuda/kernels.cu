// SPDX-License-Identifier: MIT
// The table of launchers, and the index of sorted edges.
#include "kernels.h"

#include "launch.h"

namespace mlip::cuda {
namespace {

constexpr int THREADS = 256;

/// One thread per segment: a binary search.
__global__ void __launch_bounds__(THREADS)
    find_segments(const int64_t *keys, int64_t n, int64_t n_segments, int64_t *first) {
  const int64_t segment = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
  if (segment > n_segments) return;
  int64_t low = 0, high = n;  // keys before `low` are below the segment, those from `high` on are not
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (keys[middle] < segment)
      low = middle + 1;
    else
      high = middle;
  }
  first[segment] = low;
}

void segment_starts(const int64_t *keys, int64_t n, int64_t n_segments, int64_t *first, void *stream) {
  launch(find_segments, dim3(blocks(n_segments + 1, THREADS)), dim3(THREADS), 0, stream, keys, n, n_segments, first);
}

}  // namespace

// Defined in the files of the operators.
template <class T>
void convolution_forward(const Convolution<T> &, bool derivative, void *stream);
template <class T>
void convolution_backward(const Convolution<T> &, bool derivative, void *stream);
template <class T>
void contraction_forward(const Contraction<T> &, void *stream);
template <class T>
void contraction_backward(const Contraction<T> &, bool derivative, void *stream);
template <class T>
void density_forward(const ops::DensityArguments<T> &, int64_t n_local, void *stream);
template <class T>
void density_backward(const ops::DensityArguments<T> &, const int64_t *centre, int64_t n_edges, void *stream);
template <class T>
void geometry_forward(const ops::GeometryArguments<T> &, int64_t n_edges, bool derivative, void *stream);
template <class T>
void geometry_backward(const ops::GeometryArguments<T> &, int64_t n_edges, bool derivative, void *stream);

namespace {

template <class T>
constexpr KernelsOf<T> kernels_of() {
  return {convolution_forward<T>, convolution_backward<T>, contraction_forward<T>, contraction_backward<T>,
          density_forward<T>,     density_backward<T>,     geometry_forward<T>,    geometry_backward<T>};
}

}  // namespace
}  // namespace mlip::cuda

extern "C" __attribute__((visibility("default"))) const mlip::cuda::Kernels *mlip_cuda_kernels() {
  using namespace mlip::cuda;
  static const Kernels kernels{sizeof(Kernels), segment_starts, kernels_of<float>(), kernels_of<double>()};
  return &kernels;
}
