# SPDX-License-Identifier: MIT
"""A smooth, learned count of neighbours, by which messages can be divided."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn


class NeighbourDensity(nn.Module):
    """Sum of tanh(n(r)^2) over the edges of each atom, with n linear in the radial features. ``weight`` [n_basis].

    Messages divided by 1 + density keep their size from gas to solid, as in the density-normalised blocks of MACE.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"weight": ("basis",)}

    def __init__(self, n_basis: int, cutoff_on_basis: bool) -> None:
        super().__init__()
        self.scale = 1.0 / math.sqrt(n_basis)
        self.cutoff_on_basis = cutoff_on_basis
        self.weight = nn.Parameter(torch.randn(n_basis))

    def forward(self, radial: Tensor, envelope: Tensor, centre: Tensor, n_local: int) -> Tensor:
        """[E, n_basis], [E, 1], [E] -> [n_local]."""
        count = torch.tanh(torch.square(radial @ (self.weight * self.scale)))
        if not self.cutoff_on_basis:
            count = count * envelope.squeeze(1)
        return torch.zeros([n_local], dtype=count.dtype, device=count.device).index_add(0, centre, count)
