// SPDX-License-Identifier: MIT
/// \file
/// Walks over the polynomials of the symmetric contraction, compiled once per instruction set.
#pragma once

#include "ops/contraction.h"
#include "ops/simd.h"

namespace mlip::ops::MLIP_ISA {

/// Where the components of a vector lie: on the stack, or on a device in shared memory, one column per thread.
template <class Lane>
struct Vectors {
#ifdef MLIP_DEVICE
  Lane *column;
  int step;  // threads of the block
  __device__ __forceinline__ Lane &operator[](int m) { return column[m * step]; }
  __device__ __forceinline__ const Lane &operator[](int m) const { return column[m * step]; }
#else
  Lane rows[MOST_COMPONENTS];
  Lane &operator[](int m) { return rows[m]; }
  const Lane &operator[](int m) const { return rows[m]; }
#endif
};

template <class Kind, class L>
struct Atom {
  using Lane = typename Kind::Lane;
  const Node *nodes;
  typename Kind::Array coefficients;
  int64_t at, channels;  ///< first coefficient of the atom's species and channel
  typename Kind::Number *grad_coefficients;
  L lanes;
  Vectors<Lane> &x, &grad_x;

  MLIP_INLINE Lane coefficient(const Atom &a, const Node &node) {
    return node.coefficient < 0 ? Lane{} : Kind::read(a.coefficients, a.at + node.coefficient * a.channels, a.lanes);
  }
};

/// Value of a node whose children are at most DEPTH levels deep.
template <int DEPTH, class A>
MLIP_INLINE typename A::Lane value_of(const A &a, const Node &node) {
  typename A::Lane total = A::coefficient(a, node);
  if constexpr (DEPTH > 0)
    for (int k = node.first; k < node.end; k++) total += a.x[a.nodes[k].factor] * value_of<DEPTH - 1>(a, a.nodes[k]);
  return total;
}

/// The same, and the gradient of `adjoint` times it.
template <int DEPTH, class Kind, class A>
MLIP_INLINE typename A::Lane visit(A &a, const Node &node, typename A::Lane adjoint) {
  typename A::Lane total = A::coefficient(a, node);
  if (a.grad_coefficients && node.coefficient >= 0)
    Kind::add_to(a.grad_coefficients + a.at + node.coefficient * a.channels, adjoint, a.lanes);
  if constexpr (DEPTH > 0)
    for (int k = node.first; k < node.end; k++) {
      const Node &child = a.nodes[k];
      const bool leaf = child.first == child.end && !a.grad_coefficients;
      const auto value =
          leaf ? A::coefficient(a, child) : visit<DEPTH - 1, Kind>(a, child, adjoint * a.x[child.factor]);
      total += a.x[child.factor] * value;
      a.grad_x[child.factor] += adjoint * value;
    }
  return total;
}

template <class Kind, class L>
MLIP_INLINE void forward_channels(const ContractionArguments<typename Kind::Number> &a, int64_t atom, int64_t c,
                                  L lanes, Vectors<typename Kind::Lane> &x) {
  Atom<Kind, L> state{a.nodes,
                      {a.coefficients, a.coefficients_tangent},
                      a.species[atom] * a.n_coefficients * a.channels + c,
                      a.channels,
                      nullptr,
                      lanes,
                      x,
                      x};
  for (int m = 0; m < a.n_components; m++)
    state.x[m] = Kind::read({a.x, a.x_tangent}, (atom * a.n_components + m) * a.channels + c, lanes);
  for (int m = 0; m < a.n_outputs; m++)
    store(a.out + (atom * a.n_outputs + m) * a.channels + c, Kind::result(value_of<MOST_ORDER>(state, a.nodes[m])),
          lanes);
}

template <class Kind, class L>
MLIP_INLINE void backward_channels(const ContractionArguments<typename Kind::Number> &a, int64_t atom, int64_t c,
                                   L lanes, Vectors<typename Kind::Lane> &x, Vectors<typename Kind::Lane> &grad_x) {
  Atom<Kind, L> state{a.nodes,
                      {a.coefficients, a.coefficients_tangent},
                      a.species[atom] * a.n_coefficients * a.channels + c,
                      a.channels,
                      a.grad_coefficients,
                      lanes,
                      x,
                      grad_x};
  for (int m = 0; m < a.n_components; m++) {
    state.x[m] = Kind::read({a.x, a.x_tangent}, (atom * a.n_components + m) * a.channels + c, lanes);
    state.grad_x[m] = typename Kind::Lane{};
  }
  for (int m = 0; m < a.n_outputs; m++) {
    const int64_t at = (atom * a.n_outputs + m) * a.channels + c;
    const auto value =
        visit<MOST_ORDER, Kind>(state, a.nodes[m], Kind::read({a.adjoint, a.adjoint_tangent}, at, lanes));
    if (a.out) store(a.out + at, Kind::result(value), lanes);
  }
  if (!a.grad_x) return;
  for (int m = 0; m < a.n_components; m++)
    store(a.grad_x + (atom * a.n_components + m) * a.channels + c, Kind::result(state.grad_x[m]), lanes);
}

#ifndef MLIP_DEVICE

template <class K>
struct Chosen {
  using Kind = K;
};

/// Calls `work(kind, channel, lanes)` for all channels, several vectors at a time as long as there are as many: a walk
/// over the nodes costs as much as the arithmetic of one vector.
template <class Kind, class Work>
MLIP_INLINE void over_channels(int64_t channels, const Work &work) {
  constexpr int W = WIDTH<typename Kind::Number>, N = 4;
  int64_t c = 0;
  for (; c + N * W <= channels; c += N * W) work(Chosen<Several<Kind, N>>{}, c, AllLanes{});
  for (; c + W <= channels; c += W) work(Chosen<Kind>{}, c, AllLanes{});
  if (c < channels) work(Chosen<Kind>{}, c, SomeLanes{static_cast<int>(channels - c)});
}

template <class Kind>
void contract_forward(const ContractionArguments<typename Kind::Number> &a, int64_t begin, int64_t end) {
  for (int64_t atom = begin; atom < end; atom++)
    over_channels<Kind>(a.channels, [&](auto chosen, int64_t c, auto lanes) {
      using K = typename decltype(chosen)::Kind;
      Vectors<typename K::Lane> x;
      forward_channels<K>(a, atom, c, lanes, x);
    });
}

template <class Kind>
void contract_backward(const ContractionArguments<typename Kind::Number> &a, int64_t begin, int64_t end) {
  for (int64_t atom = begin; atom < end; atom++)
    over_channels<Kind>(a.channels, [&](auto chosen, int64_t c, auto lanes) {
      using K = typename decltype(chosen)::Kind;
      Vectors<typename K::Lane> x, grad_x;
      backward_channels<K>(a, atom, c, lanes, x, grad_x);
    });
}

#endif

}  // namespace mlip::ops::MLIP_ISA
