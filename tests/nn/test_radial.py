# SPDX-License-Identifier: MIT
"""Radial basis, cutoff and ZBL repulsion against their formulas, written here a second time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from e3nn.nn import FullyConnectedNet
from scipy.integrate import quad
from scipy.special import eval_chebyt

from mlipkit.nn.density import NeighbourDensity
from mlipkit.nn.radial import SILU_SCALE, RadialConfig, RadialEmbedding, RadialNetwork, polynomial_cutoff
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


RADII = [0.31, 0.66]  # H and O, angstrom


def embed(options: dict[str, Any], r: np.ndarray, first: int = 0, second: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features and cutoff of a pair at distances r, with a cutoff of 5 angstrom."""
    module = RadialEmbedding(RadialConfig.model_validate(options), 5.0, RADII)
    species = [torch.full([len(r)], index) for index in (first, second)]
    features, envelope = module(torch.tensor(r), *species)
    return features.numpy(), envelope.numpy()


@pytest.mark.parametrize("p", [2, 5, 6, 9])
def test_cutoff_is_the_published_polynomial(p: int) -> None:
    x = np.linspace(0.0, 1.3, 131)
    np.testing.assert_allclose(polynomial_cutoff(torch.tensor(x), p), textbook_cutoff(x, p), atol=1e-12, rtol=0)


def test_cutoff_is_accurate_next_to_the_cutoff_in_single_precision() -> None:
    x = torch.tensor(1.0) - 2.0 ** -torch.arange(4.0, 12.0)
    torch.testing.assert_close(polynomial_cutoff(x.float(), 5).double(), polynomial_cutoff(x, 5), rtol=1e-5, atol=0)


def test_bessel_basis() -> None:
    r = np.linspace(0.3, 5.5, 40)
    found, _ = embed({"n_basis": 8, "cutoff_order": 5}, r)
    n = np.arange(1, 9)
    wanted = math.sqrt(2 / 5.0) * np.sin(n * math.pi * r[:, None] / 5.0) / r[:, None]
    np.testing.assert_allclose(found, wanted * textbook_cutoff(r / 5.0, 5)[:, None], atol=1e-12, rtol=0)


def test_chebyshev_basis() -> None:
    r = np.linspace(0.3, 5.5, 40)
    found, _ = embed({"basis": "chebyshev", "n_basis": 6, "cutoff_order": 6}, r)
    wanted = eval_chebyt(np.arange(1, 7), 2 * np.minimum(r, 5.0)[:, None] / 5.0 - 1)
    np.testing.assert_allclose(found, wanted * textbook_cutoff(r / 5.0, 6)[:, None], atol=1e-12, rtol=0)


def test_gaussian_basis() -> None:
    r = np.linspace(0.3, 5.5, 40)
    found, envelope = embed({"basis": "gaussian", "n_basis": 6}, r)
    wanted = np.exp(-0.5 * (r[:, None] - np.arange(6.0)) ** 2)
    np.testing.assert_allclose(found, wanted * envelope, atol=1e-14, rtol=0)


def test_functions_of_a_basis_can_be_given() -> None:
    r = np.linspace(0.3, 4.9, 20)
    waves, envelope = embed({"n_basis": 2, "nodes": [0.7, 1.1]}, r)
    wanted = math.sqrt(2 / 5.0) * np.sin(r[:, None] * np.array([0.7, 1.1])) / r[:, None]
    np.testing.assert_allclose(waves, wanted * envelope, atol=1e-14, rtol=0)
    bells, _ = embed({"basis": "gaussian", "n_basis": 2, "nodes": [0.7, 2.1], "gaussian_width": 0.4}, r)
    wanted = np.exp(-0.5 * ((r[:, None] - np.array([0.7, 2.1])) / 0.4) ** 2)
    np.testing.assert_allclose(bells, wanted * envelope, atol=1e-14, rtol=0)
    polynomials, _ = embed({"basis": "chebyshev", "n_basis": 3, "chebyshev_range": [-1.0, 1.0]}, r)
    np.testing.assert_allclose(polynomials, eval_chebyt(np.arange(1, 4), r[:, None]) * envelope, atol=0, rtol=1e-13)


def test_agnesi_transform_takes_the_mean_of_the_radii() -> None:
    r = np.linspace(0.01, 4.9, 20)
    found, envelope = embed({"basis": "chebyshev", "n_basis": 1, "transform": "agnesi"}, r, 0, 1)
    s = r / (0.5 * (0.31 + 0.66))
    x = 1 / (1 + 1.0805 * s**0.9183 / (1 + s ** (0.9183 - 4.5791)))
    np.testing.assert_allclose(found, (2 * x[:, None] - 1) * envelope, atol=1e-13, rtol=0)


def test_soft_transform_goes_from_three_quarters_of_a_bond_to_the_distance() -> None:
    r = np.linspace(0.01, 4.9, 20)
    options = {"basis": "chebyshev", "n_basis": 1, "transform": "soft", "chebyshev_range": [-1.0, 1.0]}
    found, envelope = embed(options, r, 1, 0)
    low, high = 0.75 * 0.97, 4 / 3 * 0.97
    x = low + (r - low) * 0.5 * (1 + np.tanh(4.0 / (high - low) * (r - 0.5 * (low + high))))
    np.testing.assert_allclose(found, x[:, None] * envelope, atol=1e-13, rtol=0)
    assert x[0] == pytest.approx(low, abs=5e-3)


def test_cutoff_can_be_left_to_the_weights() -> None:
    r = np.linspace(0.3, 5.5, 40)
    bare, envelope = embed({"cutoff_on": "weights"}, r)
    cut, same = embed({}, r)
    np.testing.assert_array_equal(envelope, same)
    np.testing.assert_allclose(envelope[:, 0], textbook_cutoff(r / 5.0, 5), atol=1e-13, rtol=0)
    np.testing.assert_array_equal(bare * envelope, cut)
    assert np.abs(bare[-1]).max() > 0.01


@pytest.mark.parametrize("options", [{"basis": "bessel"}, {"basis": "chebyshev"}, {"basis": "gaussian"}])
def test_basis_is_computed_in_the_dtype_of_the_distance(options: dict[str, Any]) -> None:
    # The centres 0, 1, .. 4 of the Gaussians are a table, which is cast with the module.
    module = RadialEmbedding(RadialConfig.model_validate({**options, "n_basis": 5}), 4.0, RADII)
    r, species = torch.linspace(0.5, 3.9, 30), torch.zeros(30, dtype=torch.int64)
    exact = module(r, species, species)[0]
    torch.testing.assert_close(module.float()(r, species, species)[0], exact, atol=0, rtol=0)
    assert module(r.float(), species, species)[0].dtype == torch.float32


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


def repulsion(species: list[str], radii: list[float]) -> ZBLRepulsion:
    return ZBLRepulsion(species, radii, 6, 0.300, 0.4543, (0.1818, 0.5099, 0.2802, 0.02817))


@pytest.mark.parametrize("r", [0.2, 0.5, 0.8, 0.95, 2.0])
def test_zbl_of_a_pair(r: float) -> None:
    module = repulsion(["O", "H"], [0.66, 0.31])  # covalent radii of Cordero et al., Dalton Trans. 2008
    edges = torch.tensor([0, 1]), torch.tensor([1, 0])
    found = module(torch.tensor([r, r]), *edges, torch.tensor([0, 1]), 2)
    wanted = zbl_pair(r, 8, 1, 0.66 + 0.31, 6)
    torch.testing.assert_close(found, torch.full((2,), wanted / 2), atol=1e-12, rtol=1e-12)


def test_zbl_counts_only_edges_of_local_centres() -> None:
    module = repulsion(["Si"], [1.11])
    found = module(torch.tensor([1.0, 1.1]), torch.tensor([0, 0]), torch.tensor([1, 2]), torch.zeros(3).long(), 1)
    wanted = (zbl_pair(1.0, 14, 14, 2.22, 6) + zbl_pair(1.1, 14, 14, 2.22, 6)) / 2
    torch.testing.assert_close(found, torch.tensor([wanted]), atol=0, rtol=1e-12)


@pytest.mark.parametrize("cutoff_on_basis", [True, False])
def test_density_counts_edges_of_each_centre(cutoff_on_basis: bool) -> None:
    module = NeighbourDensity(6, cutoff_on_basis)
    radial, envelope = torch.randn(5, 6), torch.rand(5, 1)
    found = module(radial, envelope, torch.tensor([0, 0, 2, 2, 2]), 4)
    count = np.tanh((radial.numpy() @ module.weight.detach().numpy() / math.sqrt(6)) ** 2)
    if not cutoff_on_basis:
        count = count * envelope.numpy()[:, 0]
    wanted = [count[:2].sum(), 0.0, count[2:].sum(), 0.0]
    np.testing.assert_allclose(found.detach().numpy(), wanted, atol=TINY, rtol=0)
