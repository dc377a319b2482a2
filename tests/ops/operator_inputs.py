# SPDX-License-Identifier: MIT
"""Random inputs of the operators, and what is compared."""

from __future__ import annotations

import torch
from torch import Tensor


def graph(n_local: int, n_all: int, n_edges: int) -> tuple[Tensor, Tensor]:
    """Centres, ascending, and neighbours."""
    centre = torch.randint(0, n_local, (n_edges,)).sort()[0] if n_local else torch.zeros(0, dtype=torch.int64)
    return centre, torch.randint(0, max(n_all, 1), (len(centre),))


def derivatives(value: Tensor, inputs: list[Tensor], seed: int) -> list[Tensor]:
    """First derivatives of a random combination of the values, then of a random combination of those."""
    generator = torch.Generator().manual_seed(seed)

    def combined(values: list[Tensor]) -> Tensor:
        # the same numbers in both precisions and on every device
        factors = [torch.randn(v.shape, generator=generator, dtype=torch.float64).to(v) for v in values]
        return torch.stack([(v * factor).sum() for v, factor in zip(values, factors, strict=True)]).sum()

    first = torch.autograd.grad(combined([value]), inputs, create_graph=True)
    second = torch.autograd.grad(combined(list(first)), inputs, allow_unused=True, materialize_grads=True)
    return [*first, *second]
