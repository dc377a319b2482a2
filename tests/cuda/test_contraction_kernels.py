# SPDX-License-Identifier: MIT
"""The CUDA kernels of the symmetric contraction, emulated, against the plain polynomials."""

from __future__ import annotations

import operator_inputs
import pytest
import torch
from emulated_library import EmulatedLibrary
from torch import Tensor

from mlipkit.nn.contraction_basis import contraction_basis
from mlipkit.nn.operator_constants import polynomial_tree
from mlipkit.ops.contraction import contraction_reference

ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-4}


class Case:
    """Polynomials with random coefficients of three species, for some atoms."""

    def __init__(self, l_in: int, l_out: int, correlation: int, channels: int, n_atoms: int) -> None:
        torch.manual_seed(l_in + 10 * l_out + 100 * correlation + channels)
        basis = contraction_basis(l_in, l_out, correlation)
        n_components = (l_in + 1) ** 2
        self.n_outputs = 2 * l_out + 1
        self.tree = polynomial_tree(basis, n_components)
        self.factors = torch.tensor(basis.factors[basis.monomial].T.copy())
        self.sizes = [int((basis.component == m).sum()) for m in range(self.n_outputs)]
        self.species = torch.randint(0, 3, (n_atoms,))
        self.x = torch.randn(n_atoms, n_components, channels, dtype=torch.float64)
        self.coefficients = torch.randn(3, len(basis.monomial), channels, dtype=torch.float64)

    def inputs(self, dtype: torch.dtype) -> list[Tensor]:
        return [tensor.to(dtype).requires_grad_() for tensor in (self.x, self.coefficients)]

    def kernels(self, inputs: list[Tensor]) -> Tensor:
        return torch.ops.mlip.contraction(*inputs, self.species, self.tree, self.n_outputs)

    def compare(self, dtype: torch.dtype) -> None:
        given, precise = self.inputs(dtype), self.inputs(torch.float64)
        found = self.kernels(given)
        wanted = contraction_reference(*precise, self.species, self.factors, self.sizes)
        tolerance = ROUNDING[dtype]
        torch.testing.assert_close(found.double(), wanted, atol=30 * tolerance, rtol=tolerance)
        for x, y in zip(
            operator_inputs.derivatives(found.double(), given, 2),
            operator_inputs.derivatives(wanted, precise, 2),
            strict=True,
        ):
            torch.testing.assert_close(x.double(), y, atol=100 * tolerance, rtol=10 * tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize(
    ("l_in", "l_out", "correlation", "channels"),
    [(0, 0, 1, 5), (1, 1, 2, 33), (2, 0, 4, 1), (2, 2, 2, 5), (3, 0, 3, 33), (3, 1, 3, 5), (4, 0, 2, 128)],
)
def test_values_and_derivatives(
    emulator: EmulatedLibrary, l_in: int, l_out: int, correlation: int, channels: int, dtype: torch.dtype
) -> None:
    Case(l_in, l_out, correlation, channels, 5).compare(dtype)


def test_more_atoms_than_groups(emulator: EmulatedLibrary) -> None:
    """Gradients of the coefficients are summed in at most 256 groups of atoms."""
    Case(1, 0, 2, 3, 600).compare(torch.float64)


def test_no_atoms(emulator: EmulatedLibrary) -> None:
    case = Case(1, 0, 2, 3, 0)
    inputs = case.inputs(torch.float32)
    found = case.kernels(inputs)
    assert found.shape == (0, 1, 3)
    gradients = torch.autograd.grad(found.sum(), inputs)
    assert gradients[0].shape == (0, 4, 3)
    assert gradients[1].count_nonzero() == 0
    Case(1, 0, 2, 3, 1).compare(torch.float64)


def test_order_of_threads_changes_nothing(emulator: EmulatedLibrary) -> None:
    case = Case(2, 1, 3, 40, 300)

    def results(order: int) -> list[Tensor]:
        emulator.order(order)
        inputs = case.inputs(torch.float32)
        found = case.kernels(inputs)
        return [found, *torch.autograd.grad(found.square().sum(), inputs)]

    first = results(0)
    for order in (1, 7):
        assert all(torch.equal(x, y) for x, y in zip(first, results(order), strict=True))
