# SPDX-License-Identifier: MIT
"""The convolution kernels against their definition: values, first and second derivatives, odd shapes, threads."""

from __future__ import annotations

import operator_inputs
import pytest
import torch
from torch import Tensor

from mlipkit.nn.operator_constants import convolution_coupling, coupling_paths
from mlipkit.ops.convolution import convolution_reference, table_weights

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


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize(("l_in", "l_max", "channels"), [(0, 0, 5), (0, 3, 40), (0, 4, 16), (1, 3, 21), (2, 2, 9)])
def test_tables_give_the_weights_of_their_definition(
    instruction_set: str, l_in: int, l_max: int, channels: int, dtype: torch.dtype
) -> None:
    """Values and first derivatives, before the first knot, between knots and beyond the last one."""
    (_, harmonics, features), rest = inputs(l_in, l_max, channels, dtype, 6, 70)
    paths = coupling_paths(l_in, l_max, l_max)
    coupling = convolution_coupling(paths)
    table = torch.randn(3, 14, len(paths), channels, dtype=dtype)
    which = torch.randint(0, 3, (70,))
    first, per_length = 0.2, 9 / 4.8  # nine intervals up to 5.0
    distance = (torch.rand(70, dtype=dtype) * 6).requires_grad_()
    tensors = [distance, harmonics, features]
    precise = [tensor.detach().double().requires_grad_() for tensor in tensors]
    found = torch.ops.mlip.convolution_table(*tensors, table, which, first, per_length, *rest, coupling)
    weights = table_weights(precise[0], table.double(), which, first, per_length)
    wanted = convolution_reference(weights, *precise[1:], *rest, coupling)
    tolerance = 10 * ROUNDING[dtype]
    torch.testing.assert_close(found.double(), wanted, rtol=tolerance, atol=tolerance)
    adjoint = torch.randn_like(found)
    for x, y in zip(
        torch.autograd.grad(found, tensors, adjoint),
        torch.autograd.grad(wanted, precise, adjoint.double()),
        strict=True,
    ):
        torch.testing.assert_close(x.double(), y, rtol=tolerance, atol=20 * tolerance)


def test_only_distances_and_harmonics_get_a_gradient_from_a_table(instruction_set: str) -> None:
    """As in a first layer, whose features depend on no position."""
    (_, harmonics, features), rest = inputs(0, 3, 24, torch.float64, 5, 60)
    coupling = convolution_coupling(coupling_paths(0, 3, 3))
    table, which = torch.randn(1, 12, 4, 24, dtype=torch.float64), torch.zeros(0, dtype=torch.int64)
    distance = (torch.rand(60, dtype=torch.float64) * 5).requires_grad_()
    constant = features.detach()
    found = torch.ops.mlip.convolution_table(distance, harmonics, constant, table, which, 0.1, 1.5, *rest, coupling)
    weights = table_weights(distance, table, which, 0.1, 1.5)
    wanted = convolution_reference(weights, harmonics, constant, *rest, coupling)
    tensors = [distance, harmonics]
    gradients = (torch.autograd.grad(value.square().sum(), tensors) for value in (found, wanted))
    for x, y in zip(*gradients, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-9)


def test_tables_are_smooth_splines() -> None:
    """The definition itself: coefficients of x^5 / 120 by blossoming give x^5 / 120 and its slope."""
    knots = torch.arange(12, dtype=torch.float64)
    # the coefficient of row k is the mean product of five of the knots k-4 .. k: their product over 5!
    rows = torch.stack([knots - 4 + m for m in range(5)]).prod(0) / 120
    distance = torch.linspace(0, 6.99, 50, dtype=torch.float64, requires_grad=True)
    nothing = torch.zeros(0, dtype=torch.int64)
    weights = table_weights(distance, rows.view(1, 12, 1, 1), nothing, 0.0, 1.0).flatten()
    torch.testing.assert_close(weights, distance**5 / 120, rtol=1e-12, atol=1e-12)
    (slope,) = torch.autograd.grad(weights.sum(), distance)
    torch.testing.assert_close(slope, distance**4 / 24, rtol=1e-12, atol=1e-11)


def test_distances_that_are_no_numbers_stay_in_the_table(instruction_set: str) -> None:
    (_, harmonics, features), rest = inputs(0, 1, 4, torch.float64, 1, 3)
    table, which = torch.randn(1, 8, 2, 4, dtype=torch.float64), torch.zeros(0, dtype=torch.int64)
    distance = torch.tensor([float("nan"), float("inf"), -float("inf")], dtype=torch.float64)
    coupling = convolution_coupling(coupling_paths(0, 1, 1))
    found = torch.ops.mlip.convolution_table(distance, harmonics, features, table, which, 0.0, 0.5, *rest, coupling)
    assert not torch.isfinite(found).any()


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
