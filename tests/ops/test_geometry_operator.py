# SPDX-License-Identifier: MIT
"""Lengths and harmonics of edges against the plain definition: values, first and second derivatives."""

from __future__ import annotations

import operator_inputs
import pytest
import torch
from torch import Tensor

from mlipkit.ops.edge_geometry import edge_geometry_reference

ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-4}


def joined(geometry: tuple[Tensor, Tensor]) -> Tensor:
    return torch.cat([geometry[0].unsqueeze(1), geometry[1]], dim=1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
@pytest.mark.parametrize("n_edges", [0, 1, 37])
@pytest.mark.parametrize("l_max", range(5))
def test_geometry_values_and_derivatives(instruction_set: str, l_max: int, n_edges: int, dtype: torch.dtype) -> None:
    torch.manual_seed(l_max + n_edges)
    r_ij = torch.randn(n_edges, 3, dtype=dtype, requires_grad=True)
    found = joined(torch.ops.mlip.edge_geometry(r_ij, l_max))
    precise = r_ij.detach().double().requires_grad_()
    wanted = joined(edge_geometry_reference(precise, l_max))
    torch.testing.assert_close(found.double(), wanted, atol=ROUNDING[dtype], rtol=ROUNDING[dtype])
    for a, b in zip(
        operator_inputs.derivatives(found.double(), [r_ij], 2),
        operator_inputs.derivatives(wanted, [precise], 2),
        strict=True,
    ):
        torch.testing.assert_close(a.double(), b, atol=30 * ROUNDING[dtype], rtol=10 * ROUNDING[dtype])


@pytest.mark.parametrize("l_max", range(5))
def test_geometry_by_finite_differences(instruction_set: str, l_max: int) -> None:
    torch.manual_seed(l_max)
    r_ij = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)

    def function(r: Tensor) -> Tensor:
        return joined(torch.ops.mlip.edge_geometry(r, l_max))

    assert torch.autograd.gradcheck(function, (r_ij,))
    assert torch.autograd.gradgradcheck(function, (r_ij,))


def test_geometry_refuses_what_it_cannot_do() -> None:
    with pytest.raises(RuntimeError, match=r"must be \[edges, 3\]"):
        torch.ops.mlip.edge_geometry(torch.ones(4, 2), 2)
    with pytest.raises(RuntimeError, match="up to degree 4, not 5"):
        torch.ops.mlip.edge_geometry(torch.ones(4, 3), 5)
