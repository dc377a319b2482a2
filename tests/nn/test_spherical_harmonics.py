# SPDX-License-Identifier: MIT
"""Spherical harmonics and Wigner 3j tensors against e3nn, and against what defines them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from e3nn import o3

from mlipkit.nn.clebsch_gordan import wigner_3j
from mlipkit.nn.spherical_harmonics import MAX_DEGREE, spherical_harmonics
from tolerances import TOLERANCES

TINY = TOLERANCES["double"].constants


def unit_vectors(n: int) -> torch.Tensor:
    vectors = torch.randn(n, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return vectors / vectors.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("l_max", range(MAX_DEGREE + 1))
def test_harmonics_are_those_of_e3nn(l_max: int) -> None:
    unit = torch.cat([unit_vectors(50), torch.eye(3, dtype=torch.float64), -torch.eye(3, dtype=torch.float64)])
    wanted = o3.spherical_harmonics(list(range(l_max + 1)), unit, normalize=True, normalization="component")
    torch.testing.assert_close(spherical_harmonics(l_max, unit), wanted, atol=TINY, rtol=0)
    torch.testing.assert_close(torch.jit.script(spherical_harmonics)(l_max, unit), wanted, atol=TINY, rtol=0)


def test_harmonics_keep_the_dtype_and_its_precision() -> None:
    unit = unit_vectors(50)
    single = spherical_harmonics(MAX_DEGREE, unit.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), spherical_harmonics(MAX_DEGREE, unit), atol=2e-6, rtol=0)


def test_squares_of_a_degree_add_up_to_its_dimension() -> None:
    values = spherical_harmonics(MAX_DEGREE, unit_vectors(20))
    for degree in range(MAX_DEGREE + 1):
        total = values[:, degree**2 : (degree + 1) ** 2].square().sum(1)
        torch.testing.assert_close(total, torch.full_like(total, 2 * degree + 1), atol=TINY, rtol=TINY)


@pytest.mark.parametrize(("l1", "l2"), list(itertools.product(range(MAX_DEGREE + 1), repeat=2)))
def test_wigner_3j_are_those_of_e3nn(l1: int, l2: int) -> None:
    for l3 in range(abs(l1 - l2), l1 + l2 + 1):
        wanted = o3.wigner_3j(l1, l2, l3, dtype=torch.float64).numpy()
        if (l1 + l2 + l3) % 2:  # no product of harmonics fixes this sign; it differs between versions of e3nn
            wanted = wanted * np.sign((wanted * wigner_3j(l1, l2, l3)).sum())
        np.testing.assert_allclose(wigner_3j(l1, l2, l3), wanted, atol=TINY, rtol=0)


def test_wigner_3j_of_a_product_of_harmonics() -> None:
    """Gaunt: Y1 x Y2 coupled to l3 is proportional to Y3 (l1 + l2 + l3 even) or zero (odd)."""
    values = spherical_harmonics(MAX_DEGREE, unit_vectors(20)).numpy()
    for l1, l2, l3 in itertools.product(range(MAX_DEGREE + 1), repeat=3):
        if not abs(l1 - l2) <= l3 <= l1 + l2:
            continue
        y1, y2, y3 = (values[:, degree**2 : (degree + 1) ** 2] for degree in (l1, l2, l3))
        coupled = np.einsum("ei,ej,ijk->ek", y1, y2, wigner_3j(l1, l2, l3))
        factor = (coupled * y3).sum() / (y3 * y3).sum()
        assert (abs(factor) > 1e-3) == ((l1 + l2 + l3) % 2 == 0)
        np.testing.assert_allclose(coupled, factor * y3, atol=10 * TINY, rtol=0)


def test_wigner_3j_refuses_degrees_that_do_not_couple() -> None:
    with pytest.raises(ValueError, match="triangle"):
        wigner_3j(1, 1, 3)
