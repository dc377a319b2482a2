# SPDX-License-Identifier: MIT
"""Linear maps by degree and group of atoms against the plain definition, differentiated twice."""

from __future__ import annotations

import operator_inputs
import pytest
import torch
from torch import Tensor

from mlipkit.ops.degree_linear import degree_linear_reference

NO_GROUPS = torch.zeros(0, dtype=torch.int64)


@pytest.mark.parametrize("n_atoms", [0, 1, 300])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("paths", [[1], [1, 1, 1, 1], [2, 3, 2]])
def test_values_and_derivatives(paths: list[int], groups: int, n_atoms: int) -> None:
    torch.manual_seed(n_atoms)
    rows = sum((2 * degree + 1) * n for degree, n in enumerate(paths))
    scale = [0.5 + degree for degree in range(len(paths))]
    x = torch.randn(n_atoms, rows, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(groups, sum(paths), 5, 3, dtype=torch.float64, requires_grad=True)
    group = NO_GROUPS if groups == 1 else torch.randint(0, groups, (n_atoms,))
    found = torch.ops.mlip.degree_linear(x, weight, group, paths, scale)
    wanted = degree_linear_reference(x, weight, group, paths, scale)
    torch.testing.assert_close(found, wanted)
    for a, b in zip(
        operator_inputs.derivatives(found, [x, weight], 2),
        operator_inputs.derivatives(wanted, [x, weight], 2),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


def test_any_number_of_derivatives() -> None:
    x = torch.randn(4, 4, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    group = torch.tensor([0, 1, 1, 0])

    def function(*arguments: Tensor) -> Tensor:
        return torch.ops.mlip.degree_linear(*arguments, group, [1, 1], [1.0, 2.0])

    assert torch.autograd.gradcheck(function, (x, weight))
    assert torch.autograd.gradgradcheck(function, (x, weight))


def test_weights_of_one_matrix_need_not_be_contiguous() -> None:
    x = torch.randn(3, 4, 2, dtype=torch.float64)
    weight = torch.randn(2, 3, 2, 5, dtype=torch.float64)  # degrees first
    group = torch.tensor([2, 0, 2])
    found = torch.ops.mlip.degree_linear(x, weight.transpose(0, 1), group, [1, 1], [1.0, 1.0])
    torch.testing.assert_close(found, degree_linear_reference(x, weight.transpose(0, 1), group, [1, 1], [1.0, 1.0]))


def test_what_does_not_fit_is_refused() -> None:
    x, weight = torch.ones(3, 4, 2), torch.ones(2, 2, 2, 5)
    group = torch.tensor([0, 1, 2])
    with pytest.raises(RuntimeError, match="atom 2 has group 2 of 2"):
        torch.ops.mlip.degree_linear(x, weight, group, [1, 1], [1.0, 1.0])
    with pytest.raises(RuntimeError, match="do not fit the paths"):
        torch.ops.mlip.degree_linear(x, weight, group, [1, 2], [1.0, 1.0])
    with pytest.raises(RuntimeError, match="group numbers"):
        torch.ops.mlip.degree_linear(x, weight, NO_GROUPS, [1, 1], [1.0, 1.0])
