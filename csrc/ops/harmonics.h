// SPDX-License-Identifier: MIT
/// \file
/// Real spherical harmonics up to degree 4 as polynomials of a unit vector, and the gradient of a sum of them.
///
/// Order and normalisation as in python/mlipkit/nn/spherical_harmonics.py. X is any kind of number with + - *: a
/// number, a vector of lanes, or dual numbers of them; `number(double)` makes one.
#pragma once

#include "ops/shared.h"

namespace mlip::ops {

constexpr int MOST_HARMONICS = 25;

namespace harmonic {

constexpr double SQRT3 = 1.7320508075688772, SQRT5 = 2.23606797749979, SQRT7 = 2.6457513110645907,
                 SQRT15 = 3.872983346207417, SQRT35 = 5.916079783099616, SQRT105 = 10.246950765959598,
                 SQRT_35_8 = 2.091650066335189, SQRT_21_8 = 1.6201851746019651, SQRT_5_8 = 0.7905694150420949;

}  // namespace harmonic

/// y[0 .. (l_max+1)^2 - 1] at the unit vector (x, y, z).
template <class X, class MakeNumber>
MLIP_SHARED void harmonics(int l_max, const MakeNumber &number, X x, X y, X z, X *out) {
  using namespace harmonic;
  out[0] = number(1.0);
  if (l_max < 1) return;
  out[1] = number(SQRT3) * x;
  out[2] = number(SQRT3) * y;
  out[3] = number(SQRT3) * z;
  if (l_max < 2) return;
  const X x2 = x * x, y2 = y * y, z2 = z * z, xz = x * z, d = z2 - x2;
  out[4] = number(SQRT15) * xz;
  out[5] = number(SQRT15) * x * y;
  out[6] = number(1.5 * SQRT5) * y2 - number(0.5 * SQRT5);
  out[7] = number(SQRT15) * y * z;
  out[8] = number(0.5 * SQRT15) * d;
  if (l_max < 3) return;
  const X p = number(5.0) * y2 - number(1.0), t = number(3.0) * z2 - x2, s = z2 - number(3.0) * x2;
  out[9] = number(SQRT_35_8) * x * t;
  out[10] = number(SQRT105) * xz * y;
  out[11] = number(SQRT_21_8) * x * p;
  out[12] = number(0.5 * SQRT7) * y * (p - number(2.0));
  out[13] = number(SQRT_21_8) * z * p;
  out[14] = number(0.5 * SQRT105) * y * d;
  out[15] = number(SQRT_35_8) * z * s;
  if (l_max < 4) return;
  const X q = number(7.0) * y2 - number(1.0), v = q - number(2.0);
  out[16] = number(1.5 * SQRT35) * xz * d;
  out[17] = number(3.0 * SQRT_35_8) * x * y * t;
  out[18] = number(1.5 * SQRT5) * xz * q;
  out[19] = number(3.0 * SQRT_5_8) * x * y * v;
  out[20] = number(0.375) * ((number(35.0) * y2 - number(30.0)) * y2 + number(3.0));
  out[21] = number(3.0 * SQRT_5_8) * y * z * v;
  out[22] = number(0.75 * SQRT5) * d * q;
  out[23] = number(3.0 * SQRT_35_8) * y * z * s;
  out[24] = number(0.375 * SQRT35) * ((z2 - number(6.0) * x2) * z2 + x2 * x2);
}

/// grad[0 .. 2] = gradient by (x, y, z) of sum_m a[m] times the polynomials above. Only its part normal to the vector
/// has a meaning: away from the unit sphere the polynomials are anything.
template <class X, class MakeNumber>
MLIP_SHARED void harmonics_gradient(int l_max, const MakeNumber &number, X x, X y, X z, const X *a, X *grad) {
  using namespace harmonic;
  grad[0] = grad[1] = grad[2] = number(0.0);
  if (l_max < 1) return;
  grad[0] = number(SQRT3) * a[1];
  grad[1] = number(SQRT3) * a[2];
  grad[2] = number(SQRT3) * a[3];
  if (l_max < 2) return;
  grad[0] = grad[0] + number(SQRT15) * (a[4] * z + a[5] * y - a[8] * x);
  grad[1] = grad[1] + number(SQRT15) * (a[5] * x + a[7] * z) + number(3.0 * SQRT5) * a[6] * y;
  grad[2] = grad[2] + number(SQRT15) * (a[4] * x + a[7] * y + a[8] * z);
  if (l_max < 3) return;
  const X x2 = x * x, y2 = y * y, z2 = z * z, xz = x * z, xy = x * y, yz = y * z, d = z2 - x2;
  const X p = number(5.0) * y2 - number(1.0), e = number(3.0) * d;
  grad[0] = grad[0] + number(SQRT_35_8) * (a[9] * e - number(6.0) * a[15] * xz) + number(SQRT_21_8) * a[11] * p +
            number(SQRT105) * (a[10] * yz - a[14] * xy);
  grad[1] = grad[1] + number(SQRT105) * (a[10] * xz + number(0.5) * a[14] * d) +
            number(10.0 * SQRT_21_8) * (a[11] * x + a[13] * z) * y + number(1.5 * SQRT7) * a[12] * p;
  grad[2] = grad[2] + number(SQRT_35_8) * (number(6.0) * a[9] * xz + a[15] * e) + number(SQRT_21_8) * a[13] * p +
            number(SQRT105) * (a[10] * xy + a[14] * yz);
  if (l_max < 4) return;
  const X t = number(3.0) * z2 - x2, s = z2 - number(3.0) * x2, q = number(7.0) * y2 - number(1.0);
  const X v = q - number(2.0), w = number(21.0) * y2 - number(3.0);
  grad[0] = grad[0] + number(1.5 * SQRT35) * (a[16] * z * s + a[24] * x * (x2 - number(3.0) * z2)) +
            number(3.0 * SQRT_35_8) * y * (a[17] * e - number(6.0) * a[23] * xz) +
            number(1.5 * SQRT5) * q * (a[18] * z - a[22] * x) + number(3.0 * SQRT_5_8) * a[19] * y * v;
  grad[1] = grad[1] + number(3.0 * SQRT_35_8) * (a[17] * x * t + a[23] * z * s) +
            number(21.0 * SQRT5) * (a[18] * xz + number(0.5) * a[22] * d) * y +
            number(3.0 * SQRT_5_8) * (a[19] * x + a[21] * z) * w +
            number(7.5) * a[20] * y * (number(7.0) * y2 - number(3.0));
  grad[2] = grad[2] + number(1.5 * SQRT35) * (a[16] * x * t + a[24] * z * (z2 - number(3.0) * x2)) +
            number(3.0 * SQRT_35_8) * y * (number(6.0) * a[17] * xz + a[23] * e) +
            number(1.5 * SQRT5) * q * (a[18] * x + a[22] * z) + number(3.0 * SQRT_5_8) * a[21] * y * v;
}

}  // namespace mlip::ops
