# SPDX-License-Identifier: MIT
"""Equivariant linear maps over channels, one matrix per degree l, in e3nn's parametrisation.

Features are [atoms, (l, m) components, channels] with channels last; weights are standard normal and the factor
1/sqrt(fan_in) is applied in the forward pass.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class EquivariantLinear(nn.Module):
    """Mixes channels within each degree 0 .. l_max. ``weight`` [l_max+1, channels in, channels out]."""

    def __init__(self, l_max: int, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.l_max = l_max
        self.scale = 1.0 / math.sqrt(channels_in)
        self.weight = nn.Parameter(torch.randn(l_max + 1, channels_in, channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """[N, (l_max+1)^2, channels in] -> [N, (l_max+1)^2, channels out]."""
        weight = self.weight * self.scale
        if self.l_max == 0:
            return x @ weight[0]
        blocks = [x.narrow(1, degree * degree, 2 * degree + 1) @ weight[degree] for degree in range(self.l_max + 1)]
        return torch.cat(blocks, dim=1)


class SpeciesLinear(nn.Module):
    """Mixes channels within each degree with the matrix of the atom's species.

    The fully connected product of features and one-hot species of MACE, by index: ``weight``
    [l_max+1, n_species, channels, channels], factor 1/sqrt(channels * n_species).
    """

    def __init__(self, l_max: int, channels: int, n_species: int) -> None:
        super().__init__()
        self.l_max = l_max
        self.n_species = n_species
        self.scale = 1.0 / math.sqrt(channels * n_species)
        self.weight = nn.Parameter(torch.randn(l_max + 1, n_species, channels, channels))

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """[N, (l_max+1)^2, channels], [N] -> [N, (l_max+1)^2, channels]."""
        weight = self.weight * self.scale
        result = torch.zeros_like(x)
        for index in range(self.n_species):
            rows = torch.nonzero(species == index).squeeze(1)
            # The first species also without atoms: the result must depend on x for autograd whatever a process owns.
            if rows.numel() > 0 or index == 0:
                mine = x.index_select(0, rows)
                blocks = [
                    mine.narrow(1, degree * degree, 2 * degree + 1) @ weight[degree, index]
                    for degree in range(self.l_max + 1)
                ]
                result = result.index_copy(0, rows, torch.cat(blocks, dim=1))
        return result
