// SPDX-License-Identifier: MIT
// The symmetric contraction: a thread takes one atom and channel, the threads of a warp the same atom, so that all walk
// the same way through the tree of ops/contraction_kernel.h. Components of x and of its gradient, which are picked by
// number, lie in shared memory, one column per thread.
#include "kernels.h"
#include "launch.h"

#include "ops/contraction_kernel.h"

namespace mlip::cuda {
namespace {

using ops::device::AllLanes;
using ops::device::Derivative;
using ops::device::Plain;
using ops::device::Vectors;

constexpr int MOST_THREADS = 128;
constexpr size_t SHARED_BYTES = 48 << 10;

/// Grid: (groups of atoms; blocks of channels).
template <class Kind>
__global__ void __launch_bounds__(MOST_THREADS) contract_forward(Contraction<typename Kind::Number> x) {
  using Lane = typename Kind::Lane;
  SHARED(Lane, columns);
  const int64_t c = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (c >= x.a.channels) return;
  Vectors<Lane> column{columns + threadIdx.x, static_cast<int>(blockDim.x)};
  for (int64_t atom = blockIdx.x; atom < x.n_atoms; atom += gridDim.x)
    ops::device::forward_channels<Kind>(x.a, atom, c, AllLanes{}, column);
}

template <class Kind>
__global__ void __launch_bounds__(MOST_THREADS) contract_backward(Contraction<typename Kind::Number> x) {
  using Lane = typename Kind::Lane;
  SHARED(Lane, columns);
  const int64_t c = static_cast<int64_t>(blockIdx.y) * blockDim.x + threadIdx.x;
  if (c >= x.a.channels) return;
  const int step = static_cast<int>(blockDim.x);
  if (x.a.grad_coefficients)  // those of this group: no two blocks write to the same place
    x.a.grad_coefficients += blockIdx.x * x.n_species * x.a.n_coefficients * x.a.channels;
  Vectors<Lane> column{columns + threadIdx.x, step};
  Vectors<Lane> gradient{columns + x.a.n_components * step + threadIdx.x, step};
  for (int64_t atom = blockIdx.x; atom < x.n_atoms; atom += gridDim.x)
    ops::device::backward_channels<Kind>(x.a, atom, c, AllLanes{}, column, gradient);
}

/// As many threads as channels, at most 128, and as few that `vectors` columns of each fit into shared memory.
template <class Lane>
int threads_for(int64_t channels, int components, int vectors) {
  int threads = MOST_THREADS;
  while (threads > WARP && (threads - WARP >= channels || threads * components * vectors * sizeof(Lane) > SHARED_BYTES))
    threads -= WARP;
  return threads;
}

template <class Kind>
void start(void (*kernel)(Contraction<typename Kind::Number>), const Contraction<typename Kind::Number> &x, int vectors,
           void *stream) {
  using Lane = typename Kind::Lane;
  const int threads = threads_for<Lane>(x.a.channels, x.a.n_components, vectors);
  launch(kernel, dim3(static_cast<unsigned>(x.n_groups), blocks(x.a.channels, threads)),
         dim3(static_cast<unsigned>(threads)), vectors * x.a.n_components * threads * sizeof(Lane), stream, x);
}

}  // namespace

template <class T>
void contraction_forward(const Contraction<T> &x, void *stream) {
  start<Plain<T>>(contract_forward<Plain<T>>, x, 1, stream);
}

template <class T>
void contraction_backward(const Contraction<T> &x, bool derivative, void *stream) {
  if (derivative)
    start<Derivative<T>>(contract_backward<Derivative<T>>, x, 2, stream);
  else
    start<Plain<T>>(contract_backward<Plain<T>>, x, 2, stream);
}

template void contraction_forward(const Contraction<float> &, void *);
template void contraction_forward(const Contraction<double> &, void *);
template void contraction_backward(const Contraction<float> &, bool, void *);
template void contraction_backward(const Contraction<double> &, bool, void *);

}  // namespace mlip::cuda
