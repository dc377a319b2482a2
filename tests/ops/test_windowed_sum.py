# SPDX-License-Identifier: MIT
"""Sums over windows of rows against the plain definition, differentiated twice."""

from __future__ import annotations

import operator_inputs
import pytest
import torch

from mlipkit.ops.windowed_sum import windowed_sum_reference


@pytest.mark.usefixtures("instruction_set")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("columns", [1, 7, 64, 100])
@pytest.mark.parametrize("n", [0, 1, 300])
def test_values_and_derivatives(n: int, columns: int, dtype: torch.dtype) -> None:
    torch.manual_seed(n)
    factors = torch.randn(n, 6, dtype=dtype, requires_grad=True)
    rows = torch.randn(20, columns, dtype=dtype, requires_grad=True)
    start = torch.randint(0, 15, (n,))
    found = torch.ops.mlip.windowed_sum(factors, rows, start)
    wanted = windowed_sum_reference(factors, rows, start)
    tolerance = {} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(found, wanted, **tolerance)
    for a, b in zip(
        operator_inputs.derivatives(found, [factors, rows], 2),
        operator_inputs.derivatives(wanted, [factors, rows], 2),
        strict=True,
    ):
        torch.testing.assert_close(a, b, **tolerance)


def test_any_number_of_derivatives() -> None:
    factors = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    rows = torch.randn(9, 3, dtype=torch.float64, requires_grad=True)
    start = torch.tensor([0, 3, 3, 1])
    assert torch.autograd.gradgradcheck(lambda f, r: torch.ops.mlip.windowed_sum(f, r, start), (factors, rows))


def test_the_same_on_two_threads() -> None:
    factors, rows, start = torch.randn(500, 6), torch.randn(20, 33, requires_grad=True), torch.randint(0, 15, (500,))
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            total = (torch.ops.mlip.windowed_sum(factors, rows, start) ** 2).sum()
            found.append(torch.autograd.grad(total, rows)[0])
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-4)


def test_what_does_not_fit_is_refused() -> None:
    factors, rows = torch.ones(2, 6), torch.ones(8, 3)
    with pytest.raises(RuntimeError, match="begin at 1 to 3 of 8"):
        torch.ops.mlip.windowed_sum(factors, rows, torch.tensor([1, 3]))
    with pytest.raises(RuntimeError, match="begin at -1 to 2 of 8"):
        torch.ops.mlip.windowed_sum(factors, rows, torch.tensor([-1, 2]))
    with pytest.raises(RuntimeError, match=r"factors must be \[1, 6\]"):
        torch.ops.mlip.windowed_sum(factors, rows, torch.tensor([1]))
    with pytest.raises(RuntimeError, match="rows must be"):
        torch.ops.mlip.windowed_sum(factors, rows.double(), torch.tensor([1, 2]))
