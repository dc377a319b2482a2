// SPDX-License-Identifier: MIT
//
// The backward pass to the edges: g = dE/dr_ij and, for centroid virials (docs/theory.md), its first moments
//
//   G_ij = sum_k (r_k - r_i) (x) dU_k/dr_ij
//
// over the atoms k with energies U_k. Without message passing U_k depends on the edges of k alone, and G is zero. A
// gradient that crosses an edge from its centre i to its neighbour j, as that of the features of j, gets further from k
// by r_ij: its moment relative to j is that relative to i minus r_ij times the gradient itself. So three backward
// passes begin where features enter a convolution, with what the plain pass sent through it, times -r_ij. Nothing but
// edge vectors counts, neither positions nor images, and halo exchanges pass moments on like gradients.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <functional>
#include <vector>

namespace mlip {

/// A convolution of features that depend on edges.
struct Crossing {
  at::Tensor features, sums;  // [n_all, ...] and [n_local, ...], with their history
  /// Gradients by the features of sum(sums * adjoint), with edges weighted by the columns of factors [E][3].
  std::function<std::array<at::Tensor, 3>(const at::Tensor& adjoint, const at::Tensor& factors)> weighted_gradients;
};

/// While it lives and `wanted`, the operators of this thread tell it where features cross edges.
class CrossingRecord {
 public:
  explicit CrossingRecord(bool wanted);
  ~CrossingRecord();
  CrossingRecord(const CrossingRecord&) = delete;
  CrossingRecord& operator=(const CrossingRecord&) = delete;

  /// Null: nobody wants to know.
  static CrossingRecord* current();
  void add(Crossing crossing) { crossings_.push_back(std::move(crossing)); }
  void count_exchange() { ++n_exchanges_; }

  const std::vector<Crossing>& crossings() const { return crossings_; }
  /// Throws MLIP_ERROR_ARGUMENT where features that were exchanged did not enter a convolution each.
  void check() const;

 private:
  std::vector<Crossing> crossings_;
  size_t n_exchanges_ = 0;
  CrossingRecord* previous_;
};

/// [E][3] and [E][3][3]; moments are undefined where none are wanted, or all are zero.
struct EdgeDerivatives {
  at::Tensor gradient, moments;
};

/// `energy` [n_local] was made from `r_ij` while `record` lived.
EdgeDerivatives edge_derivatives(const at::Tensor& energy, const at::Tensor& r_ij, const CrossingRecord& record);

}  // namespace mlip
