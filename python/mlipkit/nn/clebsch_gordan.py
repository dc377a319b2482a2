# SPDX-License-Identifier: MIT
"""Real Wigner 3j tensors in e3nn's basis and sign, computed in float64 at construction time.

The complex Clebsch-Gordan coefficients come from Racah's formula in exact integer arithmetic and are then carried over
to the real basis in which ``spherical_harmonics`` are written. No torch here.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def wigner_3j(l1: int, l2: int, l3: int) -> NDArray[np.float64]:
    """The tensor of three real irreps that rotations leave alone.

    Returns:
        [2 l1 + 1, 2 l2 + 1, 2 l3 + 1] float64, read-only, Frobenius norm 1.

    Raises:
        ValueError: the degrees violate the triangle inequality.
    """
    if not abs(l1 - l2) <= l3 <= l1 + l2:
        raise ValueError(f"degrees {l1}, {l2}, {l3} violate the triangle inequality")
    to_complex = [_real_to_complex(degree) for degree in (l1, l2, l3)]
    tensor = np.einsum(
        "ai,bj,ck,abc->ijk", to_complex[0], to_complex[1], to_complex[2].conj(), _complex_coefficients(l1, l2, l3)
    ).real
    tensor = np.ascontiguousarray(tensor / np.linalg.norm(tensor))
    tensor[np.abs(tensor) < 1e-14] = 0.0
    tensor.setflags(write=False)
    return tensor


def _complex_coefficients(l1: int, l2: int, l3: int) -> NDArray[np.float64]:
    """<l1 m1 l2 m2 | l3 m3> at [l1+m1, l2+m2, l3+m3]."""
    tensor = np.zeros((2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1))
    for m1 in range(-l1, l1 + 1):
        for m2 in range(-l2, l2 + 1):
            if abs(m1 + m2) <= l3:
                tensor[l1 + m1, l2 + m2, l3 + m1 + m2] = _racah(l1, m1, l2, m2, l3, m1 + m2)
    return tensor


def _racah(j1: int, m1: int, j2: int, m2: int, j3: int, m3: int) -> float:
    """Clebsch-Gordan coefficient by Racah's formula (Phys. Rev. 62, 438, 1942); square and sum are exact."""
    f = math.factorial
    square = Fraction(
        (2 * j3 + 1) * f(j3 + j1 - j2) * f(j3 - j1 + j2) * f(j1 + j2 - j3),
        f(j1 + j2 + j3 + 1),
    )
    square *= f(j3 + m3) * f(j3 - m3) * f(j1 - m1) * f(j1 + m1) * f(j2 - m2) * f(j2 + m2)
    total = Fraction(0)
    for k in range(max(0, j2 - j3 - m1, j1 - j3 + m2), min(j1 + j2 - j3, j1 - m1, j2 + m2) + 1):
        below = f(k) * f(j1 + j2 - j3 - k) * f(j1 - m1 - k) * f(j2 + m2 - k)
        below *= f(j3 - j2 + m1 + k) * f(j3 - j1 - m2 + k)
        total += Fraction((-1) ** k, below)
    return math.copysign(math.sqrt(square * total * total), total)


def _real_to_complex(degree: int) -> NDArray[np.complex128]:
    """Unitary matrix from the real components (columns) to the complex ones (rows), with e3nn's phase (-i)^l."""
    matrix = np.zeros((2 * degree + 1, 2 * degree + 1), dtype=complex)
    matrix[degree, degree] = 1.0
    for m in range(1, degree + 1):
        matrix[degree - m, degree + m] = math.sqrt(0.5)
        matrix[degree - m, degree - m] = -1j * math.sqrt(0.5)
        matrix[degree + m, degree + m] = (-1) ** m * math.sqrt(0.5)
        matrix[degree + m, degree - m] = 1j * (-1) ** m * math.sqrt(0.5)
    return (-1j) ** degree * matrix
