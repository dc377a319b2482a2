// SPDX-License-Identifier: MIT
// The table of launchers.
#include "kernels.h"

#include "edge_index.h"

namespace mlip::cuda {

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
  static const Kernels kernels{sizeof(Kernels), LAYOUT,         segment_starts,      count_incoming,
                               list_incoming,   pair_kernels(), kernels_of<float>(), kernels_of<double>()};
  return &kernels;
}
