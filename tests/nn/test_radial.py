# SPDX-License-Identifier: MIT
"""Radial basis, cutoff and ZBL repulsion against their formulas, written here a second time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from e3nn.nn import FullyConnectedNet
from scipy.integrate import quad
from scipy.special import eval_chebyt

from mlipkit.nn.radial import SILU_SCALE, RadialBasis, RadialConfig, RadialNetwork, polynomial_cutoff
from mlipkit.nn.zbl import ZBLRepulsion
from tolerances import TOLERANCES

TINY = TOLERANCES["double"].constants


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def textbook_cutoff(x: np.ndarray, p: int) -> np.ndarray:
    value = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    return np.where(x < 1, value, 0.0)


@pytest.mark.parametrize("p", [2, 5, 6, 9])
def test_cutoff_is_the_published_polynomial(p: int) -> None:
    x = np.linspace(0.0, 1.3, 131)
    np.testing.assert_allclose(polynomial_cutoff(torch.tensor(x), p), textbook_cutoff(x, p), atol=1e-12, rtol=0)


def test_cutoff_is_accurate_next_to_the_cutoff_in_single_precision() -> None:
    x = torch.tensor(1.0) - 2.0 ** -torch.arange(4.0, 12.0)
    torch.testing.assert_close(polynomial_cutoff(x.float(), 5).double(), polynomial_cutoff(x, 5), rtol=1e-5, atol=0)


def test_bessel_basis() -> None:
    r = np.linspace(0.3, 5.5, 40)
    found = RadialBasis(RadialConfig(n_basis=8, cutoff_order=5), cutoff=5.0)(torch.tensor(r)).numpy()
    n = np.arange(1, 9)
    wanted = math.sqrt(2 / 5.0) * np.sin(n * math.pi * r[:, None] / 5.0) / r[:, None]
    np.testing.assert_allclose(found, wanted * textbook_cutoff(r / 5.0, 5)[:, None], atol=1e-12, rtol=0)


def test_chebyshev_basis() -> None:
    r = np.linspace(0.3, 5.5, 40)
    found = RadialBasis(RadialConfig(basis="chebyshev", n_basis=6, cutoff_order=6), cutoff=5.0)(torch.tensor(r))
    wanted = eval_chebyt(np.arange(1, 7), 2 * np.minimum(r, 5.0)[:, None] / 5.0 - 1)
    np.testing.assert_allclose(found, wanted * textbook_cutoff(r / 5.0, 6)[:, None], atol=1e-12, rtol=0)


@pytest.mark.parametrize("basis", ["bessel", "chebyshev"])
def test_basis_is_computed_in_the_dtype_of_the_distance(basis: str) -> None:
    module = RadialBasis(RadialConfig.model_validate({"basis": basis}), cutoff=5.0).float()
    r = torch.linspace(0.5, 4.9, 30)
    exact = RadialBasis(RadialConfig.model_validate({"basis": basis}), cutoff=5.0)(r)
    torch.testing.assert_close(module(r), exact, atol=0, rtol=0)
    assert module(r.float()).dtype == torch.float32


def test_activation_is_normalised() -> None:
    def integrand(z: float) -> float:
        return (z / (1 + math.exp(-z))) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    moment = sum(quad(integrand, a, a + 2, epsabs=1e-16)[0] for a in range(-14, 14, 2))
    assert pytest.approx(moment**-0.5, abs=1e-13) == SILU_SCALE


def test_network_is_that_of_e3nn() -> None:
    reference = FullyConnectedNet([8, 16, 16, 12], torch.nn.functional.silu)
    constant = reference[0].act.cst  # e3nn finds it by Monte Carlo
    network = RadialNetwork([8, 16, 16, 12], constant)
    network.load_state_dict({f"weights.{k}": layer.weight for k, layer in enumerate(reference)})
    x = torch.randn(20, 8)
    torch.testing.assert_close(network(x), reference(x), atol=TINY, rtol=1e-12)
    assert network(torch.zeros(1, 8)).abs().max() == 0.0


def zbl_pair(r: float, z1: int, z2: int, radii: float, p: int) -> float:
    """Ziegler-Biersack-Littmark energy of one pair, eV."""
    a = 0.4543 * 0.529 / (z1**0.300 + z2**0.300)
    exponents = {3.2: 0.1818, 0.9423: 0.5099, 0.4028: 0.2802, 0.2016: 0.02817}
    phi = sum(c * math.exp(-b * r / a) for b, c in exponents.items())
    return 14.3996 * z1 * z2 / r * phi * float(textbook_cutoff(np.array(r / radii), p))


@pytest.mark.parametrize("r", [0.2, 0.5, 0.8, 0.95, 2.0])
def test_zbl_of_a_pair(r: float) -> None:
    module = ZBLRepulsion(["O", "H"], order=6)
    edges = torch.tensor([0, 1]), torch.tensor([1, 0])
    found = module(torch.tensor([r, r]), *edges, torch.tensor([0, 1]), 2)
    wanted = zbl_pair(r, 8, 1, 0.66 + 0.31, 6)  # covalent radii of Cordero et al., Dalton Trans. 2008
    torch.testing.assert_close(found, torch.full((2,), wanted / 2), atol=1e-12, rtol=1e-12)


def test_zbl_counts_only_edges_of_local_centres() -> None:
    module = ZBLRepulsion(["Si"], order=6)
    found = module(torch.tensor([1.0, 1.1]), torch.tensor([0, 0]), torch.tensor([1, 2]), torch.zeros(3).long(), 1)
    wanted = (zbl_pair(1.0, 14, 14, 2.22, 6) + zbl_pair(1.1, 14, 14, 2.22, 6)) / 2
    torch.testing.assert_close(found, torch.tensor([wanted]), atol=0, rtol=1e-12)
