# SPDX-License-Identifier: MIT
"""The CUDA kernels of the convolution, emulated, against its definition in plain PyTorch."""

from __future__ import annotations

import operator_inputs
import pytest
import torch
from emulated_library import EmulatedLibrary
from torch import Tensor

from mlipkit.nn.operator_constants import convolution_coupling, coupling_paths
from mlipkit.ops.convolution import convolution_reference, table_weights

# Sums of some tens of products of order one to ten.
ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-4}
DEGREES = [(0, 0), (0, 1), (0, 3), (0, 4), (1, 1), (1, 2), (1, 3), (2, 0), (2, 2), (2, 3), (2, 4)]


def inputs(
    l_in: int, l_max: int, channels: int, dtype: torch.dtype, n_local: int = 4, n_edges: int = 11
) -> tuple[list[Tensor], tuple]:
    """Weights, harmonics, features; and the other arguments of the operator."""
    torch.manual_seed(100 * l_in + 10 * l_max + channels)
    paths = coupling_paths(l_in, l_max, l_max)
    centre, neighbour = operator_inputs.graph(n_local, n_local + 2, n_edges)
    shapes = [
        (len(centre), len(paths), channels),
        (len(centre), (l_max + 1) ** 2),
        (n_local + 2, (l_in + 1) ** 2, channels),
    ]
    tensors = [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]
    return tensors, (centre, neighbour, n_local, l_in, l_max, convolution_coupling(paths))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize(("l_in", "l_max"), DEGREES)
def test_values_and_derivatives(emulator: EmulatedLibrary, l_in: int, l_max: int, dtype: torch.dtype) -> None:
    """First and second derivatives; 5 and 33 channels: less than a warp, and one more than a warp."""
    channels = 33 if (l_in, l_max) in {(0, 3), (1, 1)} else 5
    tensors, rest = inputs(l_in, l_max, channels, dtype)
    compare(tensors, rest, dtype)


def compare(tensors: list[Tensor], rest: tuple, dtype: torch.dtype) -> None:
    precise = [tensor.detach().double().requires_grad_() for tensor in tensors]
    found = torch.ops.mlip.convolution(*tensors, *rest)
    wanted = convolution_reference(*precise, *rest)
    tolerance = ROUNDING[dtype]
    torch.testing.assert_close(found.double(), wanted, atol=tolerance, rtol=tolerance)
    for x, y in zip(
        operator_inputs.derivatives(found.double(), tensors, 1),
        operator_inputs.derivatives(wanted, precise, 1),
        strict=True,
    ):
        assert x.dtype == dtype
        torch.testing.assert_close(x.double(), y, atol=20 * tolerance, rtol=tolerance)


@pytest.mark.parametrize("channels", [1, 32, 128])
def test_numbers_of_channels(emulator: EmulatedLibrary, channels: int) -> None:
    compare(*inputs(1, 2, channels, torch.float64, n_local=2, n_edges=5), torch.float64)


def test_more_edges_than_a_tile_holds(emulator: EmulatedLibrary) -> None:
    """Up to 32 edges are prepared at a time; here one centre has 70, and one neighbour as many."""
    (weights, harmonics, features), (_, _, n_local, *rest) = inputs(1, 2, 3, torch.float64, 3, 72)
    centre = torch.tensor([0] + [1] * 70 + [2])
    neighbour = torch.tensor([4] * 70 + [0, 1])
    compare([weights, harmonics, features], (centre, neighbour, n_local, *rest), torch.float64)


@pytest.mark.parametrize(("n_local", "n_edges"), [(3, 0), (40, 4)])
def test_atoms_without_edges(emulator: EmulatedLibrary, n_local: int, n_edges: int) -> None:
    compare(*inputs(1, 2, 5, torch.float64, n_local, n_edges), torch.float64)


def test_no_local_atoms(emulator: EmulatedLibrary) -> None:
    """As on a rank without atoms: only the gradient of the ghosts' features, all zero, needs a kernel."""
    tensors, rest = inputs(1, 2, 5, torch.float64, 0, 0)
    found = torch.ops.mlip.convolution(*tensors, *rest)
    assert found.shape[0] == 0
    gradients = torch.autograd.grad(found.sum(), tensors)
    assert [g.shape for g in gradients] == [t.shape for t in tensors]
    assert gradients[2].count_nonzero() == 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize(("l_in", "l_max", "n_tables"), [(0, 3, 1), (1, 2, 3), (2, 2, 1)])
def test_tables(emulator: EmulatedLibrary, l_in: int, l_max: int, n_tables: int, dtype: torch.dtype) -> None:
    """Distances before the first knot and beyond the last one too."""
    tensors, rest = inputs(l_in, l_max, 33, torch.float64, 5, 40)
    table = torch.randn(n_tables, 12, len(coupling_paths(l_in, l_max, l_max)), 33, dtype=torch.float64)
    which = torch.randint(0, n_tables, (40,)) if n_tables > 1 else torch.zeros(0, dtype=torch.int64)
    first, per_length = 0.5, 1.75
    distance = (torch.rand(40, dtype=torch.float64) * 5.0).requires_grad_()
    precise = [distance, tensors[1], tensors[2]]
    wanted = convolution_reference(table_weights(distance, table, which, first, per_length), *precise[1:], *rest)
    given = [tensor.detach().to(dtype).requires_grad_() for tensor in precise]
    found = torch.ops.mlip.convolution_table(*given, table.to(dtype), which, first, per_length, *rest)
    tolerance = 10 * ROUNDING[dtype]
    torch.testing.assert_close(found.double(), wanted, atol=tolerance, rtol=tolerance)
    adjoint = torch.randn_like(wanted)
    for x, y in zip(
        torch.autograd.grad(found, given, adjoint.to(dtype)), torch.autograd.grad(wanted, precise, adjoint), strict=True
    ):
        torch.testing.assert_close(x.double(), y, atol=20 * tolerance, rtol=20 * tolerance)


def test_only_what_is_asked_for_gets_a_gradient(emulator: EmulatedLibrary) -> None:
    tensors, rest = inputs(1, 2, 5, torch.float64)
    for wanted in range(3):
        given = [t.detach().requires_grad_(k == wanted) for k, t in enumerate(tensors)]
        results = [
            torch.autograd.grad(value.square().sum(), given[wanted])[0]
            for value in (torch.ops.mlip.convolution(*given, *rest), convolution_reference(*given, *rest))
        ]
        torch.testing.assert_close(*results)


def test_order_of_threads_changes_nothing(emulator: EmulatedLibrary) -> None:
    """A missing barrier, or a sum in the order of arrival, would show."""
    tensors, rest = inputs(1, 3, 40, torch.float32, 5, 60)

    def results(order: int) -> list[Tensor]:
        emulator.order(order)
        found = torch.ops.mlip.convolution(*tensors, *rest)
        return [found, *torch.autograd.grad(found.square().sum(), tensors)]

    first = results(0)
    for order in (1, 7):
        assert all(torch.equal(x, y) for x, y in zip(first, results(order), strict=True))


def test_coupling_that_changes_is_seen(emulator: EmulatedLibrary) -> None:
    """Constants of a coupling are kept on the device while it stays the same."""
    tensors, (*rest, coupling) = inputs(0, 1, 5, torch.float64)
    coupling = coupling.clone()
    for _ in range(2):
        found = torch.ops.mlip.convolution(*tensors, *rest, coupling)
        torch.testing.assert_close(found, convolution_reference(*tensors, *rest, coupling))
        coupling.mul_(2.0)
