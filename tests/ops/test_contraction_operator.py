# SPDX-License-Identifier: MIT
"""The kernels of the symmetric contraction against the plain module: values, first and second derivatives."""

from __future__ import annotations

import operator_inputs
import pytest
import torch
from torch import Tensor

from mlipkit.nn.contraction import SymmetricContraction
from mlipkit.nn.contraction_basis import contraction_basis
from mlipkit.nn.operator_constants import polynomial_tree
from mlipkit.ops.contraction import contraction_reference

ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-4}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize("channels", [1, 83])
@pytest.mark.parametrize(
    ("l_in", "l_out", "correlation"), [(0, 0, 1), (1, 1, 2), (2, 0, 4), (2, 2, 3), (3, 0, 3), (3, 1, 3), (4, 0, 2)]
)
def test_contraction_values_and_derivatives(
    instruction_set: str, l_in: int, l_out: int, correlation: int, channels: int, dtype: torch.dtype
) -> None:
    torch.manual_seed(l_in + 10 * l_out + 100 * correlation)
    module = SymmetricContraction(l_in, l_out, correlation, channels, 2).double()
    x = torch.randn(5, (l_in + 1) ** 2, channels, dtype=dtype, requires_grad=True)
    coefficients = module.coefficients().detach().to(dtype).requires_grad_()
    species = torch.tensor([0, 1, 1, 0, 1])
    found = torch.ops.mlip.contraction(x, coefficients, species, module.tree, (l_out + 1) ** 2)
    precise = [tensor.detach().double().requires_grad_() for tensor in (x, coefficients)]
    wanted = contraction_reference(*precise, species, module.factors, module.sizes)
    tolerance = ROUNDING[dtype]
    torch.testing.assert_close(found.double(), wanted, atol=30 * tolerance, rtol=tolerance)
    for a, b in zip(
        operator_inputs.derivatives(found.double(), [x, coefficients], 2),
        operator_inputs.derivatives(wanted, precise, 2),
        strict=True,
    ):
        torch.testing.assert_close(a.double(), b, atol=100 * tolerance, rtol=10 * tolerance)


def test_contraction_by_finite_differences(instruction_set: str) -> None:
    torch.manual_seed(0)
    basis = contraction_basis(2, 1, 3)
    tree = polynomial_tree(basis, 9)
    x = torch.randn(3, 9, 2, dtype=torch.float64, requires_grad=True)
    coefficients = torch.randn(2, len(basis.monomial), 2, dtype=torch.float64, requires_grad=True)
    species = torch.tensor([1, 0, 1])

    def function(*arguments: Tensor) -> Tensor:
        return torch.ops.mlip.contraction(*arguments, species, tree, 3)

    assert torch.autograd.gradcheck(function, (x, coefficients))
    assert torch.autograd.gradgradcheck(function, (x, coefficients))


def test_contraction_of_no_atoms() -> None:
    tree = polynomial_tree(contraction_basis(1, 0, 2), 4)
    x = torch.zeros(0, 4, 3, requires_grad=True)
    coefficients = torch.randn(1, 3, 3)
    found = torch.ops.mlip.contraction(x, coefficients, torch.zeros(0, dtype=torch.int64), tree, 1)
    assert found.shape == (0, 1, 3)
    assert torch.autograd.grad(found.sum(), x)[0].shape == (0, 4, 3)


def test_contraction_mistakes_are_refused() -> None:
    tree = polynomial_tree(contraction_basis(1, 0, 2), 4)
    x, coefficients = torch.zeros(2, 4, 3), torch.zeros(1, 3, 3)
    species = torch.zeros(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="1 species for 2 atoms"):
        torch.ops.mlip.contraction(x, coefficients, species[:1], tree, 1)
    with pytest.raises(RuntimeError, match=r"coefficients must be \[species, monomials, channels\]"):
        torch.ops.mlip.contraction(x, coefficients.double(), species, tree, 1)
    with pytest.raises(RuntimeError, match="int32"):
        torch.ops.mlip.contraction(x, coefficients, species, tree.long(), 1)
