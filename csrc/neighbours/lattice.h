// SPDX-License-Identifier: MIT
//
// The periodic lattice behind a cell: checked, reduced to short vectors, completed to a basis of space.
#pragma once

#include <array>
#include <cstdint>

namespace mlip {

using Vector = std::array<double, 3>;

inline double dot(const Vector& a, const Vector& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/// A slanted cell and its reduced twin describe the same crystal; in the reduced one (nearly orthogonal, short
/// vectors) a sphere is covered by few images. Integer shifts are handed out in terms of the caller's vectors.
class Lattice {
 public:
  /// cell [3][3] rows are vectors, may be null without periodicity; rows of open directions are not read.
  /// Throws MLIP_ERROR_ARGUMENT when periodic vectors are not finite, zero or linearly dependent.
  Lattice(const double* cell, const int* pbc);

  bool periodic(int k) const { return periodic_[k]; }
  /// Reduced vector of a periodic direction; a unit vector orthogonal to all others for an open one.
  const Vector& vector(int k) const { return basis_[k]; }
  /// Distance between the two faces of the reduced cell that vector k connects.
  double height(int k) const { return height_[k]; }
  /// Coordinates in the reduced basis.
  Vector fractional(const double* position) const;
  /// The caller's integer shifts for a shift in the reduced basis.
  std::array<int64_t, 3> original_shift(const std::array<int64_t, 3>& reduced) const;

 private:
  void check_finite() const;
  void reduce();
  void complete();
  void invert();

  std::array<bool, 3> periodic_;
  std::array<Vector, 3> basis_;
  std::array<std::array<int64_t, 3>, 3> change_;  // reduced vector i = sum_j change_[i][j] * caller's vector j
  std::array<Vector, 3> reciprocal_;              // fractional k = position . reciprocal_[k]
  Vector height_;
};

}  // namespace mlip
