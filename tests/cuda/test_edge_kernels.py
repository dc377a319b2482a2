# SPDX-License-Identifier: MIT
"""The CUDA kernels on edges alone - geometry and species densities - emulated, against plain definitions."""

from __future__ import annotations

import operator_inputs
import pytest
import torch
from emulated_library import EmulatedLibrary
from torch import Tensor

from mlipkit.ops.convolution import table_weights
from mlipkit.ops.edge_geometry import edge_geometry_reference
from mlipkit.ops.species_density import species_density_reference

ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-4}
DTYPES = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])


@DTYPES
@pytest.mark.parametrize(("l_max", "n_edges"), [(0, 3), (1, 200), (2, 5), (3, 129), (4, 64)])
def test_geometry(emulator: EmulatedLibrary, l_max: int, n_edges: int, dtype: torch.dtype) -> None:
    """Values, first and second derivatives."""
    torch.manual_seed(l_max)
    precise = (torch.randn(n_edges, 3, dtype=torch.float64) + 0.7).requires_grad_()
    given = precise.detach().to(dtype).requires_grad_()
    tolerance = ROUNDING[dtype]

    def derivatives(r: Tensor, results: tuple[Tensor, ...]) -> list[Tensor]:
        joined = torch.cat([x.double().reshape(n_edges, -1) for x in results], dim=1)
        return operator_inputs.derivatives(joined, [r], 3)

    found, wanted = torch.ops.mlip.edge_geometry(given, l_max), edge_geometry_reference(precise, l_max)
    for x, y in zip(found, wanted, strict=True):
        assert x.dtype == dtype
        torch.testing.assert_close(x.double(), y, atol=tolerance, rtol=tolerance)
    nearest = float(wanted[0].detach().min())  # slopes go with the inverse distance
    for x, y in zip(derivatives(given, found), derivatives(precise, wanted), strict=True):
        torch.testing.assert_close(x.double(), y, atol=100 * tolerance / nearest**2, rtol=10 * tolerance)


def density_case(n_local: int, n_edges: int, l_max: int, n_radial: int, n_species: int) -> tuple:
    torch.manual_seed(n_edges + n_radial)
    centre, neighbour = operator_inputs.graph(n_local, n_local + 3, n_edges)
    species = torch.randint(0, n_species, (n_local + 3,))
    distance = torch.rand(len(centre), dtype=torch.float64) * 5.0
    harmonics = torch.randn(len(centre), (l_max + 1) ** 2, dtype=torch.float64)
    table = torch.randn(14, n_radial, dtype=torch.float64)
    return distance, harmonics, table, (0.4, 2.0, centre, neighbour, species, n_species, n_local)


@DTYPES
@pytest.mark.parametrize(
    ("n_local", "n_edges", "l_max", "n_radial", "n_species"),
    [(3, 90, 3, 8, 2), (4, 20, 0, 16, 1), (2, 40, 4, 64, 3), (50, 6, 1, 24, 5), (3, 0, 2, 8, 2), (1, 33, 2, 8, 40)],
)
def test_densities(
    emulator: EmulatedLibrary,
    n_local: int,
    n_edges: int,
    l_max: int,
    n_radial: int,
    n_species: int,
    dtype: torch.dtype,
) -> None:
    distance, harmonics, table, rest = density_case(n_local, n_edges, l_max, n_radial, n_species)
    first, per_length, centre, neighbour, species, *_ = rest
    precise = [distance.requires_grad_(), harmonics.requires_grad_()]
    given = [tensor.detach().to(dtype).requires_grad_() for tensor in precise]
    found = torch.ops.mlip.species_density(*given, table.to(dtype), *rest)
    radial = table_weights(distance, table.view(1, -1, 1, n_radial), centre[:0], first, per_length).squeeze(1)
    wanted = species_density_reference(radial, harmonics, centre, neighbour, species, n_species, n_local)
    tolerance = 10 * ROUNDING[dtype]
    torch.testing.assert_close(found.double(), wanted, atol=tolerance, rtol=tolerance)
    adjoint = torch.randn_like(wanted)
    for x, y in zip(
        torch.autograd.grad(found, given, adjoint.to(dtype)), torch.autograd.grad(wanted, precise, adjoint), strict=True
    ):
        torch.testing.assert_close(x.double(), y, atol=20 * tolerance, rtol=20 * tolerance)


def test_no_edges_at_all(emulator: EmulatedLibrary) -> None:
    r = torch.zeros(0, 3, requires_grad=True)
    distance, harmonics = torch.ops.mlip.edge_geometry(r, 3)
    assert (distance.shape, harmonics.shape) == ((0,), (0, 16))
    assert torch.autograd.grad(distance.sum() + harmonics.sum(), r)[0].shape == (0, 3)
    *tensors, rest = density_case(2, 0, 1, 8, 2)
    assert torch.ops.mlip.species_density(*tensors, *rest).count_nonzero() == 0


def test_order_of_threads_changes_nothing(emulator: EmulatedLibrary) -> None:
    *tensors, rest = density_case(5, 150, 3, 16, 3)
    inputs = [tensor.float().requires_grad_() for tensor in tensors[:2]]

    def results(order: int) -> list[Tensor]:
        emulator.order(order)
        found = torch.ops.mlip.species_density(*inputs, tensors[2].float(), *rest)
        return [found, *torch.autograd.grad(found.square().sum(), inputs)]

    first = results(0)
    for order in (1, 7):
        assert all(torch.equal(x, y) for x, y in zip(first, results(order), strict=True))
