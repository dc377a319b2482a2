# SPDX-License-Identifier: MIT
"""Random inputs and plain definitions of the operators."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mlipkit.nn.clebsch_gordan import wigner_3j
from mlipkit.nn.convolution import coupling_paths


def graph(n_local: int, n_all: int, n_edges: int) -> tuple[Tensor, Tensor]:
    """Centres, ascending, and neighbours."""
    centre = torch.randint(0, n_local, (n_edges,)).sort()[0] if n_local else torch.zeros(0, dtype=torch.int64)
    return centre, torch.randint(0, max(n_all, 1), (len(centre),))


def convolution(
    weights: Tensor,
    harmonics: Tensor,
    features: Tensor,
    centre: Tensor,
    neighbour: Tensor,
    n_local: int,
    l_in: int,
    l_max: int,
) -> Tensor:
    """The definition: rows by l3, then m3, then path."""
    paths = coupling_paths(l_in, l_max, l_max)
    blocks = []
    for degree in range(l_max + 1):
        sums = []
        for index, (l1, l2, l3) in enumerate(paths):
            if l3 != degree:
                continue
            coupling = torch.tensor(math.sqrt(2 * l3 + 1) * wigner_3j(l1, l2, l3), dtype=weights.dtype)
            x = features[neighbour][:, l1**2 : (l1 + 1) ** 2]
            message = torch.einsum("abm,eac,eb->emc", coupling, x, harmonics[:, l2**2 : (l2 + 1) ** 2])
            message = message * weights[:, index].unsqueeze(1)
            sums.append(message.new_zeros(n_local, *message.shape[1:]).index_add(0, centre, message))
        blocks.append(torch.stack(sums, 2).flatten(1, 2))
    return torch.cat(blocks, 1)


def derivatives(value: Tensor, inputs: list[Tensor], seed: int) -> list[Tensor]:
    """First derivatives of a random combination of the values, then of a random combination of those."""
    generator = torch.Generator().manual_seed(seed)

    def combined(values: list[Tensor]) -> Tensor:
        # the same numbers in both precisions
        factors = [torch.randn(v.shape, generator=generator, dtype=torch.float64).to(v.dtype) for v in values]
        return torch.stack([(v * factor).sum() for v, factor in zip(values, factors, strict=True)]).sum()

    first = torch.autograd.grad(combined([value]), inputs, create_graph=True)
    second = torch.autograd.grad(combined(list(first)), inputs, allow_unused=True, materialize_grads=True)
    return [*first, *second]
