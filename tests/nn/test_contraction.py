# SPDX-License-Identifier: MIT
"""Symmetric contraction: the basis is complete, independent, equivariant and always the same; evaluation is exact."""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections import Counter

import numpy as np
import pytest
import torch
from e3nn import o3
from numpy.typing import NDArray

from mlipkit.nn.contraction import SymmetricContraction
from mlipkit.nn.contraction_basis import ContractionBasis, contraction_basis
from tolerances import TOLERANCES

TINY = TOLERANCES["double"].constants
Array = NDArray[np.float64]
# (l_in, l_out, correlation): every order up to 4, every output degree, l_in up to 4
CASES = [(3, 0, 3), (3, 1, 3), (3, 2, 3), (2, 0, 4), (2, 1, 4), (4, 0, 2), (4, 2, 2), (1, 0, 4), (4, 1, 3), (0, 0, 3)]


def evaluate(basis: ContractionBasis, x: Array) -> Array:
    """[N, components] -> [N, 2L+1, n_basis]."""
    extended = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    monomials = extended[:, basis.factors].prod(axis=2)
    result = np.zeros((len(x), basis.component.max() + 1, len(basis.orders)))
    for entry, (j, m) in enumerate(zip(basis.monomial, basis.component, strict=True)):
        result[:, m] += monomials[:, j, None] * basis.coefficients[entry]
    return result


def coupling(l1: int, l2: int, l3: int) -> Array:
    return o3.wigner_3j(l1, l2, l3, dtype=torch.float64).numpy()


def multiplicity(degrees: tuple[int, ...], l_out: int) -> int:
    """How often degree L occurs in the symmetric product of irreps, by counting weights.

    Monomials in the complex basis are weight vectors; irreps of degree L = (weights L) - (weights L + 1).
    """
    counts: Counter[int] = Counter({0: 1})
    for degree, power in Counter(degrees).items():
        block = Counter(sum(m) for m in itertools.combinations_with_replacement(range(-degree, degree + 1), power))
        counts = Counter(
            {
                total: sum(counts[total - m] * block[m] for m in block)
                for total in {a + b for a in counts for b in block}
            }
        )
    return counts[l_out] - counts[l_out + 1]


@pytest.mark.parametrize("case", CASES)
def test_dimension_is_that_of_character_theory(case: tuple[int, int, int]) -> None:
    l_in, l_out, correlation = case
    found = Counter(contraction_basis(*case).orders.tolist())
    for order in range(1, correlation + 1):
        wanted = sum(
            multiplicity(degrees, l_out)
            for degrees in itertools.combinations_with_replacement(range(l_in + 1), order)
            if (sum(degrees) + l_out) % 2 == 0
        )
        assert found[order] == wanted


@pytest.mark.parametrize("case", CASES)
def test_basis_polynomials_are_independent(case: tuple[int, int, int]) -> None:
    basis = contraction_basis(*case)
    x = np.random.default_rng(0).normal(size=(4 * len(basis.orders) + 10, (case[0] + 1) ** 2))
    values = evaluate(basis, x).reshape(-1, len(basis.orders))
    singular = np.linalg.svd(values / np.linalg.norm(values, axis=0), compute_uv=False)
    assert singular[-1] > 1e-3
    assert np.linalg.matrix_rank(basis.coefficients) == len(basis.orders)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("parity", [1, -1])
def test_basis_is_equivariant(case: tuple[int, int, int], parity: int) -> None:
    l_in, l_out, _ = case
    basis = contraction_basis(*case)
    torch.set_default_dtype(torch.float64)
    try:
        angles = [torch.tensor(angle) for angle in (0.3, 1.2, -2.1)]
        turn = [parity**degree * o3.wigner_D(degree, *angles).numpy() for degree in range(max(l_in, l_out) + 1)]
    finally:
        torch.set_default_dtype(torch.float32)
    x = np.random.default_rng(1).normal(size=(5, (l_in + 1) ** 2))
    turned = np.concatenate(
        [x[:, degree**2 : (degree + 1) ** 2] @ turn[degree].T for degree in range(l_in + 1)], axis=1
    )
    values = evaluate(basis, x)
    wanted = np.einsum("mn,enk->emk", turn[l_out], values)
    np.testing.assert_allclose(evaluate(basis, turned), wanted, atol=TINY * 100 * np.abs(values).max(), rtol=0)


@pytest.mark.parametrize("case", [(3, 0, 3), (3, 1, 3), (2, 1, 4), (4, 2, 2)])
def test_basis_holds_every_coupling_of_e3nn(case: tuple[int, int, int]) -> None:
    """Any dense evaluation with e3nn's tensors, coupled from the right, is a combination of the basis."""
    l_in, l_out, correlation = case
    basis = contraction_basis(*case)
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3 * len(basis.orders), (l_in + 1) ** 2))
    values = evaluate(basis, x).reshape(-1, len(basis.orders))
    irreps = [x[:, degree**2 : (degree + 1) ** 2] for degree in range(l_in + 1)]
    checked = 0
    for order in range(2, correlation + 1):
        for degrees in itertools.product(range(l_in + 1), repeat=order):
            if (sum(degrees) + l_out) % 2 or rng.random() < 0.5:
                continue
            current = [(degrees[-1], irreps[degrees[-1]])]
            for degree in reversed(degrees[:-1]):
                current = [
                    (l3, np.einsum("ei,ej,ijk->ek", irreps[degree], y, coupling(degree, l1, l3)))
                    for l1, y in current
                    for l3 in range(abs(degree - l1), degree + l1 + 1)
                ]
            for l1, y in current:
                if l1 == l_out:
                    solution, *_ = np.linalg.lstsq(values, y.reshape(-1), rcond=None)
                    np.testing.assert_allclose(values @ solution, y.reshape(-1), rtol=0, atol=1e-9)
                    checked += 1
    assert checked > 5


def test_sizes_of_the_sparse_form() -> None:
    """The cost budget of the contraction counts on these."""
    assert len(contraction_basis(3, 0, 3).monomial) == 94
    assert len(contraction_basis(3, 1, 3).monomial) == 316
    assert len(contraction_basis(2, 0, 3).monomial) == 35
    assert len(contraction_basis(2, 1, 3).monomial) == 73
    assert np.all(np.diff(contraction_basis(3, 2, 3).component) >= 0)


def test_polynomials_start_with_unit_variance() -> None:
    """Those whose factors are all of different degree: mean square 1 for normal components."""
    basis = contraction_basis(3, 1, 2)
    x = np.random.default_rng(3).normal(size=(40_000, 16))
    mean_square = (evaluate(basis, x) ** 2).mean(axis=(0, 1))
    np.testing.assert_allclose(mean_square, 1.0, atol=0.05)


def test_basis_is_found_fast() -> None:
    contraction_basis.cache_clear()
    start = time.process_time()
    for l_out in range(3):
        contraction_basis(3, l_out, 3)
    assert time.process_time() - start < 2.0
    assert contraction_basis(3, 1, 3) is contraction_basis(3, 1, 3)


# Frozen: a checkpoint's contraction weights mean nothing in another basis. If this fails, the basis has changed, and
# every checkpoint and artifact written before would silently be another model: restore it, or raise the schema.
CHECKSUMS = {
    (3, 0, 3): "35b36d2ae2b6dd7f",
    (3, 1, 3): "acc9916b91a8d6c5",
    (3, 2, 3): "b774e90a91b1293f",
    (2, 1, 4): "9f27ac6d875d58e9",
    (4, 2, 2): "23028f16f5822516",
}


@pytest.mark.parametrize("case", CHECKSUMS)
def test_basis_never_changes(case: tuple[int, int, int]) -> None:
    basis = contraction_basis(*case)
    digest = hashlib.sha256()
    for array in (basis.factors, basis.monomial, basis.component, basis.orders):
        digest.update(array.astype("<i8").tobytes())
    digest.update(np.round(basis.coefficients * 1e6).astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == CHECKSUMS[case]


@pytest.mark.parametrize(("l_in", "l_out", "correlation"), [(3, 0, 3), (2, 2, 3), (2, 1, 4), (4, 1, 2)])
def test_contraction_is_the_weighted_sum_of_its_basis(l_in: int, l_out: int, correlation: int) -> None:
    generator = torch.Generator().manual_seed(4)
    torch.manual_seed(4)
    torch.set_default_dtype(torch.float64)
    try:
        contraction = SymmetricContraction(l_in, l_out, correlation, channels=3, n_species=2)
    finally:
        torch.set_default_dtype(torch.float32)
    x = torch.randn(6, (l_in + 1) ** 2, 3, generator=generator, dtype=torch.float64)
    species = torch.tensor([0, 1, 1, 0, 1, 0])
    found = contraction(x, species).detach().numpy()
    assert found.shape == (6, (l_out + 1) ** 2, 3)
    for degree, output in enumerate(contraction.outputs):
        weight = output.weight.detach().numpy()
        for channel in range(3):
            values = evaluate(contraction_basis(l_in, degree, correlation), x[:, :, channel].numpy())
            wanted = np.einsum("emk,ek->em", values, weight[species.numpy(), :, channel])
            np.testing.assert_allclose(found[:, degree**2 : (degree + 1) ** 2, channel], wanted, atol=1e-11, rtol=1e-12)


def test_multiplicity_counts_known_cases() -> None:
    """The counter itself: two vectors hold one scalar and one l = 2; four vectors one scalar; dimensions add up."""
    assert [multiplicity((1, 1), degree) for degree in range(4)] == [1, 0, 1, 0]
    assert multiplicity((1, 1, 1, 1), 0) == 1
    assert sum((2 * degree + 1) * multiplicity((2, 2, 2), degree) for degree in range(7)) == math.comb(7, 3)
