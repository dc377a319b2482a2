# SPDX-License-Identifier: MIT
"""Real spherical harmonics up to l = 4 in e3nn's conventions, as explicit polynomials of a unit vector.

The polar axis is y: with (X, Y, Z) = (z, x, y) these are the usual real harmonics in the order m = -l .. l, so that the
components for l = 1 are (x, y, z). Normalisation "component": the squares of the 2l+1 components add up to 2l+1.
Factors are Python floats: they are exact to rounding in whatever dtype the vector has.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MAX_DEGREE = 4


def spherical_harmonics(l_max: int, unit: Tensor) -> Tensor:
    """All harmonics of degree 0 .. l_max, one degree after the other.

    Args:
        l_max: 0 .. 4.
        unit: [..., 3] unit vectors.

    Returns:
        [..., (l_max+1)^2], same dtype.
    """
    x, y, z = unit[..., 0], unit[..., 1], unit[..., 2]
    columns = [torch.ones_like(x)]
    if l_max >= 1:
        columns += [math.sqrt(3.0) * x, math.sqrt(3.0) * y, math.sqrt(3.0) * z]
    if l_max >= 2:
        columns += _degree_2(x, y, z)
    if l_max >= 3:
        columns += _degree_3(x, y, z)
    if l_max >= 4:
        columns += _degree_4(x, y, z)
    return torch.stack(columns, dim=-1)


def _degree_2(x: Tensor, y: Tensor, z: Tensor) -> list[Tensor]:
    c = math.sqrt(15.0)
    return [
        c * x * z,
        c * x * y,
        0.5 * math.sqrt(5.0) * (3.0 * y * y - 1.0),
        c * y * z,
        0.5 * c * (z * z - x * x),
    ]


def _degree_3(x: Tensor, y: Tensor, z: Tensor) -> list[Tensor]:
    c3, c2, c1 = math.sqrt(35.0 / 8.0), math.sqrt(105.0), math.sqrt(21.0 / 8.0)
    x2, y2, z2 = x * x, y * y, z * z
    return [
        c3 * x * (3.0 * z2 - x2),
        c2 * x * y * z,
        c1 * x * (5.0 * y2 - 1.0),
        0.5 * math.sqrt(7.0) * y * (5.0 * y2 - 3.0),
        c1 * z * (5.0 * y2 - 1.0),
        0.5 * c2 * y * (z2 - x2),
        c3 * z * (z2 - 3.0 * x2),
    ]


def _degree_4(x: Tensor, y: Tensor, z: Tensor) -> list[Tensor]:
    c4, c3, c2, c1 = (
        1.5 * math.sqrt(35.0),
        3.0 * math.sqrt(35.0 / 8.0),
        1.5 * math.sqrt(5.0),
        3.0 * math.sqrt(5.0 / 8.0),
    )
    x2, y2, z2 = x * x, y * y, z * z
    return [
        c4 * x * z * (z2 - x2),
        c3 * x * y * (3.0 * z2 - x2),
        c2 * x * z * (7.0 * y2 - 1.0),
        c1 * x * y * (7.0 * y2 - 3.0),
        0.375 * ((35.0 * y2 - 30.0) * y2 + 3.0),
        c1 * y * z * (7.0 * y2 - 3.0),
        0.5 * c2 * (z2 - x2) * (7.0 * y2 - 1.0),
        c3 * y * z * (z2 - 3.0 * x2),
        0.25 * c4 * ((z2 - 6.0 * x2) * z2 + x2 * x2),
    ]
