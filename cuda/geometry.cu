// SPDX-License-Identifier: MIT
// Lengths and harmonics of edges, one edge per thread, by the functions of ops/geometry_kernel.h.
#include "kernels.h"
#include "launch.h"

#include "ops/geometry_kernel.h"

namespace mlip::cuda {
namespace {

using ops::GeometryArguments;
using ops::device::Derivative;
using ops::device::Plain;

constexpr int THREADS = 128;

template <class Kind>
__global__ void __launch_bounds__(THREADS) forward(GeometryArguments<typename Kind::Number> a, int64_t n_edges) {
  const int64_t e = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
  if (e < n_edges) ops::device::geometry_forward<Kind>(a, e, e + 1);
}

template <class Kind>
__global__ void __launch_bounds__(THREADS) backward(GeometryArguments<typename Kind::Number> a, int64_t n_edges) {
  const int64_t e = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
  if (e < n_edges) ops::device::geometry_backward<Kind>(a, e, e + 1);
}

}  // namespace

template <class T>
void geometry_forward(const GeometryArguments<T> &a, int64_t n_edges, bool derivative, void *stream) {
  launch(derivative ? forward<Derivative<T>> : forward<Plain<T>>, dim3(blocks(n_edges, THREADS)), dim3(THREADS), 0,
         stream, a, n_edges);
}

template <class T>
void geometry_backward(const GeometryArguments<T> &a, int64_t n_edges, bool derivative, void *stream) {
  launch(derivative ? backward<Derivative<T>> : backward<Plain<T>>, dim3(blocks(n_edges, THREADS)), dim3(THREADS), 0,
         stream, a, n_edges);
}

template void geometry_forward(const GeometryArguments<float> &, int64_t, bool, void *);
template void geometry_forward(const GeometryArguments<double> &, int64_t, bool, void *);
template void geometry_backward(const GeometryArguments<float> &, int64_t, bool, void *);
template void geometry_backward(const GeometryArguments<double> &, int64_t, bool, void *);

}  // namespace mlip::cuda
