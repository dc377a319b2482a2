// SPDX-License-Identifier: MIT
//
// The arithmetic of one edge, for the CPU and for CUDA kernels: its vector, whether it counts, its share of the virial
// (docs/theory.md). What is summed over edges lies in reduce.h and cuda/edges.cu.
#pragma once

#include <cstdint>

#include "ops/shared.h"

namespace mlip {

/// Nothing is that close (angstrom); wrapped copies of one position differ by rounding only.
constexpr double kSamePlace = 1e-6;

/// r_ij = x_j - x_i + S H; `shift` null: no shift.
MLIP_SHARED void edge_vector(const double* xi, const double* xj, const int32_t* shift, const double* cell, double* r) {
  for (int a = 0; a < 3; ++a) r[a] = xj[a] - xi[a];
  if (shift == nullptr || (shift[0] | shift[1] | shift[2]) == 0) return;
  const double s0 = shift[0], s1 = shift[1], s2 = shift[2];
  for (int a = 0; a < 3; ++a) r[a] += s0 * cell[a] + s1 * cell[3 + a] + s2 * cell[6 + a];
}

MLIP_SHARED double squared_length(const double* r) {
  return r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
}

/// Whether an edge of that squared length has a direction: its atoms are apart, and nothing is NaN or infinite.
MLIP_SHARED bool has_direction(double square) {
  return square >= kSamePlace * kSamePlace && square <= 1.7976931348623157e308;
}

/// W = -r (x) g, symmetrised: xx yy zz xy xz yz.
template <class Real>
MLIP_SHARED void edge_virial(const Real* r, const Real* g, double* w) {
  const double x = r[0], y = r[1], z = r[2], gx = g[0], gy = g[1], gz = g[2];
  w[0] = -x * gx;
  w[1] = -y * gy;
  w[2] = -z * gz;
  w[3] = -0.5 * (x * gy + y * gx);
  w[4] = -0.5 * (x * gz + z * gx);
  w[5] = -0.5 * (y * gz + z * gy);
}

/// What an edge adds to the centroid virials of its two atoms: -G and G - r (x) g, with the first moments G of its
/// gradient ([3][3], null: zero); xx yy zz xy xz yz yx zx zy.
template <class Real>
MLIP_SHARED void edge_centroid_virials(const Real* r, const Real* g, const Real* moments, double* centre,
                                       double* neighbour) {
  constexpr int kEntry[9] = {0, 4, 8, 1, 2, 5, 3, 6, 7};  // in a matrix of three rows
  for (int k = 0; k < 9; ++k) {
    const int row = kEntry[k] / 3, column = kEntry[k] % 3;
    const double moment = moments == nullptr ? 0.0 : static_cast<double>(moments[kEntry[k]]);
    centre[k] = -moment;
    neighbour[k] = moment - static_cast<double>(r[row]) * static_cast<double>(g[column]);
  }
}

}  // namespace mlip
