# SPDX-License-Identifier: MIT
"""torch.ops.mlip.halo_exchange without a host: the identity, differentiable any number of times."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import mlipkit.ops  # noqa: F401

SHAPES = [(4,), (4, 3), (2, 3, 5), (0, 3), (3, 0), (1, 1, 1, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_identity_for_any_shape(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    y = torch.ops.mlip.halo_exchange(x, shape[0])
    assert torch.equal(y, x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, torch.ones(shape, dtype=torch.float64))


def test_derivatives_of_first_and_second_order() -> None:
    x = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)

    def cubed(x: Tensor) -> Tensor:
        return torch.ops.mlip.halo_exchange(x**2, 3) * x

    assert torch.autograd.gradcheck(cubed, x)
    assert torch.autograd.gradgradcheck(cubed, x)


def test_result_is_no_alias() -> None:
    x = torch.zeros(2, 2)
    torch.ops.mlip.halo_exchange(x, 2).add_(1)
    assert not x.any()


def test_ghosts_need_a_host() -> None:
    with pytest.raises(RuntimeError, match=r"2 ghost atoms but no host.*mlip_set_halo"):
        torch.ops.mlip.halo_exchange(torch.zeros(3, 2), 5)
    with pytest.raises(RuntimeError, match="n_all = 2 is less than the 3 local atoms"):
        torch.ops.mlip.halo_exchange(torch.zeros(3, 2), 2)
    with pytest.raises(RuntimeError, match="one row per atom"):
        torch.ops.mlip.halo_exchange(torch.zeros(()), 1)


class Layer(torch.nn.Module):
    def forward(self, x: Tensor, n_all: int) -> Tensor:
        return torch.ops.mlip.halo_exchange(x * 2.0, n_all)


def test_in_torchscript_saved_and_loaded(tmp_path: Path) -> None:
    path = str(tmp_path / "layer.pt")
    torch.jit.save(torch.jit.script(Layer()), path)
    loaded = torch.jit.load(path)
    x = torch.randn(3, 2, requires_grad=True)
    for _ in range(3):  # later calls run the optimised graph
        y = loaded(x, 3)
        assert torch.equal(y, 2 * x)
        assert torch.equal(torch.autograd.grad(y.sum(), x)[0], torch.full_like(x, 2.0))
