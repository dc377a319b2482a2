# SPDX-License-Identifier: MIT
"""The building blocks against those that the published MACE code is assembled from: weights carry over unchanged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from e3nn import o3
from e3nn.nn import Activation
from torch import Tensor

from mlipkit.nn.convolution import Convolution, coupling_paths
from mlipkit.nn.edges import Edges
from mlipkit.nn.linear import EquivariantLinear, SpeciesLinear
from mlipkit.nn.readouts import EnergyReadout, GatedEnergyReadout
from mlipkit.nn.spherical_harmonics import spherical_harmonics
from tolerances import TOLERANCES

CHANNELS = 3
TINY = TOLERANCES["double"].constants * 100


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def irreps(l_max: int) -> o3.Irreps:
    return o3.Irreps([(CHANNELS, (degree, (-1) ** degree)) for degree in range(l_max + 1)])


def to_e3nn(x: Tensor, l_max: int) -> Tensor:
    """[N, components, channels] -> [N, sum of channels x (2l+1)], channel before component within a degree."""
    blocks = [x[:, degree**2 : (degree + 1) ** 2].transpose(1, 2).flatten(1) for degree in range(l_max + 1)]
    return torch.cat(blocks, dim=1)


@pytest.mark.parametrize("l_max", [0, 1, 3])
def test_linear(l_max: int) -> None:
    mine = EquivariantLinear(l_max, CHANNELS, CHANNELS)
    reference = o3.Linear(irreps(l_max), irreps(l_max))
    reference.weight.data = mine.weight.data.flatten()
    x = torch.randn(5, (l_max + 1) ** 2, CHANNELS)
    torch.testing.assert_close(to_e3nn(mine(x), l_max), reference(to_e3nn(x, l_max)), atol=TINY, rtol=0)


@pytest.mark.parametrize("l_max", [0, 2])
def test_species_linear_is_the_fully_connected_product_with_one_hot_species(l_max: int) -> None:
    mine = SpeciesLinear(l_max, CHANNELS, n_species=4)
    reference = o3.FullyConnectedTensorProduct(irreps(l_max), "4x0e", irreps(l_max))
    reference.weight.data = mine.weight.data.transpose(1, 2).flatten()  # [l, in, species, out]
    x = torch.randn(6, (l_max + 1) ** 2, CHANNELS)
    species = torch.tensor([0, 3, 1, 1, 0, 3])
    wanted = reference(to_e3nn(x, l_max), torch.nn.functional.one_hot(species, 4).double())
    torch.testing.assert_close(to_e3nn(mine(x, species), l_max), wanted, atol=TINY, rtol=0)


def mace_instructions(l_in: int, l_max: int) -> tuple[o3.Irreps, list[tuple[int, int, int, str, bool]]]:
    """Products feature x harmonic into every degree of the message, sorted by the degree of the result."""
    slots, pairs = [], []
    for i, (_, feature) in enumerate(irreps(l_in)):
        for j in range(l_max + 1):
            for result in feature * o3.Irrep(j, (-1) ** j):
                if result.l <= l_max and result.p == (-1) ** result.l:
                    slots.append((CHANNELS, result))
                    pairs.append((i, j))
    out, permutation, _ = o3.Irreps(slots).sort()
    wanted = [(i, j, permutation[k], "uvu", True) for k, (i, j) in enumerate(pairs)]
    return out, sorted(wanted, key=lambda instruction: instruction[2])


@pytest.mark.parametrize("cutoff_on_basis", [True, False])
@pytest.mark.parametrize(("l_in", "l_max"), [(0, 3), (1, 2), (2, 3), (1, 4)])
def test_convolution(l_in: int, l_max: int, cutoff_on_basis: bool) -> None:
    n_atoms, n_edges, neighbours = 4, 11, 7.5
    mine = Convolution(l_in, l_max, CHANNELS, [6, 5], 1.0, neighbours, cutoff_on_basis)
    out, instructions = mace_instructions(l_in, l_max)
    assert [(i, j, out[k].ir.l) for i, j, k, _, _ in instructions] == coupling_paths(l_in, l_max, l_max)
    harmonics = o3.Irreps([(1, (degree, (-1) ** degree)) for degree in range(l_max + 1)])
    product = o3.TensorProduct(irreps(l_in), harmonics, out, instructions, shared_weights=False, internal_weights=False)
    linear = o3.Linear(out.simplify(), irreps(l_max))
    linear.weight.data = mine.mixing.data.flatten()

    x = torch.randn(n_atoms, (l_in + 1) ** 2, CHANNELS)
    unit = torch.nn.functional.normalize(torch.randn(n_edges, 3), dim=1)
    radial, envelope = torch.randn(n_edges, 6), torch.rand(n_edges, 1)
    centre, neighbour = torch.randint(0, 3, (n_edges,)).sort().values, torch.randint(0, n_atoms, (n_edges,))
    y = spherical_harmonics(l_max, unit)
    weights = mine.radial(radial) * (1.0 if cutoff_on_basis else envelope)
    messages = product(to_e3nn(x, l_in)[neighbour], y, weights)
    summed = torch.zeros(3, messages.shape[1]).index_add(0, centre, messages)
    nothing = torch.zeros(0)  # distances and tables, which the radial network does not need
    found = mine(Edges(centre, neighbour, y, radial, envelope, nothing, nothing), x, 3)
    torch.testing.assert_close(to_e3nn(found, l_max), linear(summed) / neighbours, atol=TINY, rtol=0)


def test_linear_readout_of_one_task() -> None:
    x, task = torch.randn(7, 5), torch.zeros(1, dtype=torch.int64)
    linear = EnergyReadout(5, n_tasks=1)
    reference = o3.Linear("5x0e", "1x0e")
    reference.weight.data = linear.linear.weight.data.flatten()
    torch.testing.assert_close(linear(x, task), reference(x)[:, 0], atol=TINY, rtol=0)


FUNCTIONS = {"silu": torch.nn.functional.silu, "tanh": torch.tanh, "abs": torch.abs, "identity": None}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gated_readout_of_one_task(name: str) -> None:
    """A linear map, a normalised activation and another linear map."""
    x, task = torch.randn(7, 5), torch.zeros(1, dtype=torch.int64)
    activation = Activation("16x0e", [FUNCTIONS[name]])
    gated = GatedEnergyReadout(5, 1, 16, 1.0 if name == "identity" else activation.acts[0].cst, name)
    first, second = o3.Linear("5x0e", "16x0e"), o3.Linear("16x0e", "1x0e")
    first.weight.data, second.weight.data = gated.hidden.data.flatten(), gated.out.data.flatten()
    torch.testing.assert_close(gated(x, task), second(activation(first(x)))[:, 0], atol=TINY, rtol=0)


def test_each_atom_reads_the_column_of_its_task() -> None:
    x, task = torch.randn(7, 5), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    for readout in (EnergyReadout(5, n_tasks=3), GatedEnergyReadout(5, 3, 16, 1.7)):
        alone = torch.stack([readout(x, torch.tensor([t])) for t in range(3)])
        assert (alone[0] - alone[1]).abs().min() > 1e-6
        torch.testing.assert_close(readout(x, task), alone[task, torch.arange(7)], atol=0, rtol=0)
