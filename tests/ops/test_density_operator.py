# SPDX-License-Identifier: MIT
"""Densities of species against the plain definition, and their gradients."""

from __future__ import annotations

import operator_inputs
import pytest
import torch
from torch import Tensor

from mlipkit.nn.radial_table import spline_pieces
from mlipkit.ops.species_density import species_density_reference

ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-4}
FIRST, PER_LENGTH, INTERVALS = 0.5, 4.0, 12


def radial_functions(distance: Tensor, table: Tensor) -> Tensor:
    """[E], [rows, Q] -> [E, Q]."""
    x = (distance - FIRST) * PER_LENGTH
    interval = x.detach().floor().clamp(0, INTERVALS - 1)
    pieces = spline_pieces(x - interval)
    rows = interval.long().unsqueeze(1) + torch.arange(6)
    return (pieces.unsqueeze(2) * table[rows]).sum(1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize(("n_local", "n_all", "n_edges"), [(0, 0, 0), (3, 5, 0), (7, 9, 100)])
@pytest.mark.parametrize(("l_max", "n_radial", "n_species"), [(0, 8, 1), (2, 24, 3), (3, 40, 2), (4, 16, 2)])
def test_density_and_gradients(
    instruction_set: str,
    l_max: int,
    n_radial: int,
    n_species: int,
    n_local: int,
    n_all: int,
    n_edges: int,
    dtype: torch.dtype,
) -> None:
    torch.manual_seed(l_max + n_edges)
    centre, neighbour = operator_inputs.graph(n_local, n_all, n_edges)
    species = torch.randint(0, n_species, (n_all,))
    distance = (FIRST - 0.1 + 3.0 * torch.rand(n_edges, dtype=dtype)).requires_grad_()
    harmonics = torch.randn(n_edges, (l_max + 1) ** 2, dtype=dtype, requires_grad=True)
    table = torch.randn(INTERVALS + 5, n_radial, dtype=dtype)
    found = torch.ops.mlip.species_density(
        distance, harmonics, table, FIRST, PER_LENGTH, centre, neighbour, species, n_species, n_local
    )
    precise = [tensor.detach().double().requires_grad_() for tensor in (distance, harmonics)]
    radial = radial_functions(precise[0], table.double())
    wanted = species_density_reference(radial, precise[1], centre, neighbour, species, n_species, n_local)
    tolerance = ROUNDING[dtype]
    torch.testing.assert_close(found.double(), wanted, atol=10 * tolerance, rtol=tolerance)
    adjoint = torch.randn_like(wanted)
    gradients = torch.autograd.grad(found, [distance, harmonics], adjoint.to(dtype))
    for a, b in zip(gradients, torch.autograd.grad(wanted, precise, adjoint), strict=True):
        torch.testing.assert_close(a.double(), b, atol=100 * tolerance, rtol=10 * tolerance)


def test_density_ends_with_the_table() -> None:
    table = torch.randn(INTERVALS + 5, 8, dtype=torch.float64)
    distance = torch.tensor([FIRST + INTERVALS / PER_LENGTH + 0.1], dtype=torch.float64, requires_grad=True)
    one = torch.zeros(1, dtype=torch.int64)
    harmonics = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    found = torch.ops.mlip.species_density(distance, harmonics, table, FIRST, PER_LENGTH, one, one, one, 1, 1)
    assert torch.equal(found, torch.zeros_like(found))
    (gradient,) = torch.autograd.grad(found.sum(), distance)
    assert gradient.item() == 0.0


def test_density_refuses_what_does_not_fit() -> None:
    one = torch.zeros(1, dtype=torch.int64)
    table = torch.ones(8, 8)
    with pytest.raises(RuntimeError, match="table must be"):
        torch.ops.mlip.species_density(torch.ones(1), torch.ones(1, 4), table[:5], 0.1, 1.0, one, one, one, 1, 1)
    with pytest.raises(RuntimeError, match="one dtype"):
        torch.ops.mlip.species_density(torch.ones(1), torch.ones(1, 4), table.double(), 0.1, 1.0, one, one, one, 1, 1)
    with pytest.raises(RuntimeError, match="sorted by centre"):
        torch.ops.mlip.species_density(torch.ones(1), torch.ones(1, 4), table, 0.1, 1.0, one + 1, one, one, 1, 1)
