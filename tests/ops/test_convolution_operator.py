# SPDX-License-Identifier: MIT
"""The convolution kernels against their definition: values, first and second derivatives, odd shapes, threads."""

from __future__ import annotations

import operator_inputs
import pytest
import torch
from torch import Tensor

from mlipkit.nn.operator_constants import convolution_coupling, coupling_paths
from mlipkit.ops.convolution import convolution_reference

DEGREES = [(0, 0), (0, 3), (0, 4), (1, 1), (1, 3), (2, 2), (2, 3), (2, 4)]
ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-4}  # sums of some tens of products of order one to ten


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
    return tensors, (centre, neighbour, n_local, l_in, l_max)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize("channels", [1, 7, 16, 37])
@pytest.mark.parametrize(("l_in", "l_max"), DEGREES)
def test_values_and_derivatives(instruction_set: str, l_in: int, l_max: int, channels: int, dtype: torch.dtype) -> None:
    tensors, rest = inputs(l_in, l_max, channels, dtype)
    coupling = convolution_coupling(coupling_paths(l_in, l_max, l_max))
    found = torch.ops.mlip.convolution(*tensors, *rest, coupling)
    precise = [tensor.detach().double().requires_grad_() for tensor in tensors]
    wanted = convolution_reference(*precise, *rest, coupling)
    tolerance = ROUNDING[dtype]
    torch.testing.assert_close(found.double(), wanted, atol=tolerance, rtol=tolerance)
    for x, y in zip(
        operator_inputs.derivatives(found.double(), tensors, 1),
        operator_inputs.derivatives(wanted, precise, 1),
        strict=True,
    ):
        assert x.dtype == dtype
        torch.testing.assert_close(x.double(), y, atol=20 * tolerance, rtol=tolerance)


def test_finite_differences(instruction_set: str) -> None:
    tensors, rest = inputs(1, 2, 3, torch.float64, n_local=3, n_edges=5)
    coupling = convolution_coupling(coupling_paths(1, 2, 2))

    def function(*arguments: Tensor) -> Tensor:
        return torch.ops.mlip.convolution(*arguments, *rest, coupling)

    assert torch.autograd.gradcheck(function, tensors)
    assert torch.autograd.gradgradcheck(function, tensors)


@pytest.mark.parametrize(("n_local", "n_edges"), [(0, 0), (3, 0), (50, 4)])
def test_atoms_without_edges(n_local: int, n_edges: int) -> None:
    tensors, rest = inputs(1, 2, 5, torch.float64, n_local, n_edges)
    coupling = convolution_coupling(coupling_paths(1, 2, 2))
    found = torch.ops.mlip.convolution(*tensors, *rest, coupling)
    torch.testing.assert_close(found, convolution_reference(*tensors, *rest, coupling))
    for gradient, tensor in zip(torch.autograd.grad(found.sum(), tensors), tensors, strict=True):
        assert gradient.shape == tensor.shape


def test_threads_change_rounding_only_and_repeat_exactly() -> None:
    tensors, rest = inputs(1, 3, 24, torch.float32, n_local=40, n_edges=900)
    coupling = convolution_coupling(coupling_paths(1, 3, 3))

    def results() -> list[Tensor]:
        found = torch.ops.mlip.convolution(*tensors, *rest, coupling)
        return [found, *torch.autograd.grad(found.square().sum(), tensors)]

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = results()
        torch.set_num_threads(3)
        three, again = results(), results()
    finally:
        torch.set_num_threads(before)
    for x, y, z in zip(one, three, again, strict=True):
        assert torch.equal(y, z)
        torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-4)


def test_table_is_the_spline_of_its_knots(instruction_set: str) -> None:
    """Knots of a polynomial of fifth degree per path and channel give that polynomial, and its slope."""
    l_in, l_max, channels, first, cutoff, n_knots = 1, 3, 21, 0.2, 5.0, 9
    (_, harmonics, features), rest = inputs(l_in, l_max, channels, torch.float64, 6, 40)
    paths = coupling_paths(l_in, l_max, l_max)
    coupling = convolution_coupling(paths)
    n_tables = 3
    which = torch.randint(0, n_tables, (40,))
    a = torch.randn(6, n_tables, 1, len(paths), channels, dtype=torch.float64)
    spacing = (cutoff - first) / (n_knots - 1)
    r = (first + torch.arange(n_knots, dtype=torch.float64) * spacing).view(1, -1, 1, 1)
    value = sum(a[k] * (r / cutoff) ** k for k in range(6))
    slope = sum(k * a[k] * (r / cutoff) ** (k - 1) / cutoff for k in range(1, 6)) * spacing
    bend = sum(k * (k - 1) * a[k] * (r / cutoff) ** (k - 2) / cutoff**2 for k in range(2, 6)) * spacing**2
    table = torch.stack([value, slope, bend], dim=2)
    distance = (torch.rand(40, dtype=torch.float64) * cutoff).requires_grad_()  # also before the first knot
    weights = sum(a[k][which, 0] * (distance.view(-1, 1, 1) / cutoff) ** k for k in range(6))
    found = torch.ops.mlip.convolution_table(
        distance, harmonics, features, table, which, first, 1 / spacing, *rest, coupling
    )
    wanted = convolution_reference(weights, harmonics, features, *rest, coupling)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-10)
    adjoint = torch.randn_like(found)
    tensors = [distance, harmonics, features]
    for x, y in zip(
        torch.autograd.grad(found, tensors, adjoint), torch.autograd.grad(wanted, tensors, adjoint), strict=True
    ):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-9)


def test_beyond_the_last_knot_weights_stay() -> None:
    (_, harmonics, features), rest = inputs(0, 1, 4, torch.float64, 2, 5)
    table = torch.randn(1, 3, 3, 2, 4, dtype=torch.float64)
    coupling = convolution_coupling(coupling_paths(0, 1, 1))
    nothing = torch.zeros(0, dtype=torch.int64)

    def at(distance: float) -> Tensor:
        r = torch.full((5,), distance, dtype=torch.float64, requires_grad=True)
        value = torch.ops.mlip.convolution_table(r, harmonics, features, table, nothing, 0.0, 0.5, *rest, coupling)
        assert torch.autograd.grad(value.sum(), r, retain_graph=True)[0].count_nonzero() == 0
        return value

    torch.testing.assert_close(at(4.000001), at(1e6))
    weights = table[:, -1, 0].expand(5, 2, 4).contiguous()
    torch.testing.assert_close(at(5.0), torch.ops.mlip.convolution(weights, harmonics, features, *rest, coupling))


def test_mistakes_are_refused() -> None:
    (weights, harmonics, features), (centre, neighbour, *rest) = inputs(0, 2, 4, torch.float64)
    coupling = convolution_coupling(coupling_paths(0, 2, 2))
    call = torch.ops.mlip.convolution
    with pytest.raises(RuntimeError, match="sorted by centre"):
        call(weights, harmonics, features, centre.flip(0), neighbour, *rest, coupling)
    with pytest.raises(RuntimeError, match="neighbours below 6"):
        call(weights, harmonics, features, centre, neighbour + 6, *rest, coupling)
    with pytest.raises(RuntimeError, match=r"weights must be \[edges, paths, channels\]"):
        call(weights[:-1], harmonics, features, centre, neighbour, *rest, coupling)
    with pytest.raises(RuntimeError, match="weights are Float"):
        call(weights.float(), harmonics, features, centre, neighbour, *rest, coupling)
    with pytest.raises(RuntimeError, match="the coupling has"):
        call(weights, harmonics, features, centre, neighbour, *rest, coupling[:-1])


def test_only_what_is_asked_for_gets_a_gradient() -> None:
    tensors, rest = inputs(1, 2, 5, torch.float64)
    coupling = convolution_coupling(coupling_paths(1, 2, 2))
    for wanted in range(3):
        given = [t.detach().requires_grad_(k == wanted) for k, t in enumerate(tensors)]
        found = torch.ops.mlip.convolution(*given, *rest, coupling)
        expected = convolution_reference(*given, *rest, coupling)
        (a,), (b,) = (torch.autograd.grad(value.square().sum(), given[wanted]) for value in (found, expected))
        torch.testing.assert_close(a, b)
