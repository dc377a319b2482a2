// SPDX-License-Identifier: MIT
/// \file
/// Loops of the convolution, for any kind of numbers (plain or dual), compiled once per instruction set.
#pragma once

#include "ops/convolution_backward.h"
#include "ops/convolution_forward.h"

namespace mlip::ops::MLIP_ISA {

template <class T>
void forward(const ConvolutionArguments<T> &a, int64_t begin, int64_t end, void *scratch) {
  const int64_t stride = a.n_paths * a.channels;
  if (a.table.rows)
    forward_centres<Plain<T>>(a, TabulatedWeights<T>{&a.table, stride}, begin, end, scratch);
  else
    forward_centres<Plain<T>>(a, GivenWeights<Plain<T>>{{a.weights, nullptr}, stride}, begin, end, scratch);
}

template <class T>
void backward(const ConvolutionArguments<T> &a, int64_t begin, int64_t end, void *scratch) {
  const int64_t stride = a.n_paths * a.channels;
  if (a.table.rows)
    backward_centres<Plain<T>>(a, TabulatedWeights<T>{&a.table, stride}, begin, end, scratch);
  else
    backward_centres<Plain<T>>(a, GivenWeights<Plain<T>>{{a.weights, nullptr}, stride}, begin, end, scratch);
}

template <class T>
void forward_derivative(const ConvolutionArguments<T> &a, int64_t begin, int64_t end, void *scratch) {
  using Kind = Derivative<T>;
  forward_centres<Kind>(a, GivenWeights<Kind>{{a.weights, a.weights_tangent}, a.n_paths * a.channels}, begin, end,
                        scratch);
}

template <class T>
void backward_derivative(const ConvolutionArguments<T> &a, int64_t begin, int64_t end, void *scratch) {
  using Kind = Derivative<T>;
  backward_centres<Kind>(a, GivenWeights<Kind>{{a.weights, a.weights_tangent}, a.n_paths * a.channels}, begin, end,
                         scratch);
}

}  // namespace mlip::ops::MLIP_ISA
