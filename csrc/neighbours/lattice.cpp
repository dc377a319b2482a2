// SPDX-License-Identifier: MIT
#include "neighbours/lattice.h"

#include <cmath>

#include "core/error.h"

namespace mlip {
namespace {

// Reduced vectors are nearly orthogonal, so their volume is of the order of the product of their lengths
// (at least half of it in three dimensions); a far smaller one means linear dependence.
constexpr double kDegenerate = 1e-6;
// Each pass shortens a vector; cells that need more passes than this are degenerate.
constexpr int kMaxPasses = 1000;
// Coefficients of the reduction beyond this cannot come from a cell with meaningful digits.
constexpr double kMaxCoefficient = 1e9;

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double length(const Vector& a) {
  return std::sqrt(dot(a, a));
}

Vector scaled(const Vector& a, double factor) {
  return {a[0] * factor, a[1] * factor, a[2] * factor};
}

[[noreturn]] void fail_degenerate() {
  fail(MLIP_ERROR_ARGUMENT,
       "the cell is degenerate: its periodic vectors are zero or linearly dependent; give independent cell vectors (in "
       "angstrom) for the periodic directions or switch their periodicity off");
}

}  // namespace

Lattice::Lattice(const double* cell, const int* pbc) : basis_{}, change_{} {
  for (int k = 0; k < 3; ++k) {
    periodic_[k] = pbc != nullptr && pbc[k] != 0;
    change_[k][k] = 1;
    if (!periodic_[k]) continue;
    if (cell == nullptr) fail(MLIP_ERROR_ARGUMENT, "periodic boundaries need a cell; none was given");
    basis_[k] = {cell[3 * k], cell[3 * k + 1], cell[3 * k + 2]};
  }
  check_finite();
  reduce();
  complete();
  invert();
}

void Lattice::check_finite() const {
  for (int k = 0; k < 3; ++k)
    for (double x : basis_[k])
      if (!std::isfinite(x)) fail(MLIP_ERROR_NUMERIC, "cell vector ", k, " is not finite (NaN or infinity)");
}

// Pairwise (Gauss) reduction: subtract the nearest multiple of one vector from another while that shortens it.
void Lattice::reduce() {
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    bool changed = false;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        if (i == j || !periodic_[i] || !periodic_[j]) continue;
        const double norm = dot(basis_[j], basis_[j]);
        if (norm == 0.0) fail_degenerate();
        const double multiple = std::nearbyint(dot(basis_[i], basis_[j]) / norm);
        if (multiple == 0.0) continue;
        if (!(std::abs(multiple) < kMaxCoefficient)) fail_degenerate();
        Vector shorter;
        for (int a = 0; a < 3; ++a) shorter[a] = basis_[i][a] - multiple * basis_[j][a];
        // At an exact tie (60 degrees) the vector would flip back and forth.
        if (!(dot(shorter, shorter) < dot(basis_[i], basis_[i]) * (1.0 - 1e-9))) continue;
        basis_[i] = shorter;
        for (int a = 0; a < 3; ++a) {
          change_[i][a] -= static_cast<int64_t>(multiple) * change_[j][a];
          if (std::abs(static_cast<double>(change_[i][a])) > kMaxCoefficient) fail_degenerate();
        }
        changed = true;
      }
    }
    if (!changed) return;
  }
  fail_degenerate();
}

// Open directions get unit vectors orthogonal to everything else.
void Lattice::complete() {
  int n_periodic = 0;
  for (int k = 0; k < 3; ++k) n_periodic += periodic_[k];
  if (n_periodic == 0) {
    for (int k = 0; k < 3; ++k) basis_[k][k] = 1.0;
    return;
  }
  for (int k = 0; k < 3; ++k)
    if (periodic_[k] && length(basis_[k]) == 0.0) fail_degenerate();
  if (n_periodic == 1) {
    const int k = periodic_[0] ? 0 : periodic_[1] ? 1 : 2;
    const Vector& only = basis_[k];
    int axis = 0;
    for (int a = 1; a < 3; ++a)
      if (std::abs(only[a]) < std::abs(only[axis])) axis = a;
    Vector unit{};
    unit[axis] = 1.0;
    const Vector first = cross(only, unit), second = cross(only, first);
    basis_[(k + 1) % 3] = scaled(first, 1.0 / length(first));
    basis_[(k + 2) % 3] = scaled(second, 1.0 / length(second));
  } else if (n_periodic == 2) {
    const int open = !periodic_[0] ? 0 : !periodic_[1] ? 1 : 2;
    const Vector &a = basis_[(open + 1) % 3], &b = basis_[(open + 2) % 3];
    const Vector normal = cross(a, b);
    if (!(length(normal) > kDegenerate * length(a) * length(b))) fail_degenerate();
    basis_[open] = scaled(normal, 1.0 / length(normal));
  }
}

void Lattice::invert() {
  const double volume = dot(basis_[0], cross(basis_[1], basis_[2]));
  if (!(std::abs(volume) > kDegenerate * length(basis_[0]) * length(basis_[1]) * length(basis_[2]))) fail_degenerate();
  for (int k = 0; k < 3; ++k) {
    reciprocal_[k] = scaled(cross(basis_[(k + 1) % 3], basis_[(k + 2) % 3]), 1.0 / volume);
    height_[k] = 1.0 / length(reciprocal_[k]);
  }
}

Vector Lattice::fractional(const double* position) const {
  const Vector x{position[0], position[1], position[2]};
  return {dot(x, reciprocal_[0]), dot(x, reciprocal_[1]), dot(x, reciprocal_[2])};
}

std::array<int64_t, 3> Lattice::original_shift(const std::array<int64_t, 3>& reduced) const {
  std::array<int64_t, 3> shift{};
  for (int k = 0; k < 3; ++k)
    for (int a = 0; a < 3; ++a) shift[a] += reduced[k] * change_[k][a];
  return shift;
}

}  // namespace mlip
