# SPDX-License-Identifier: MIT
"""Equivariant linear maps over channels, one matrix per degree l, in e3nn's parametrisation.

Features are [atoms, (l, m) components, channels] with channels last; weights are standard normal and the factor
1/sqrt(fan_in) is applied in the forward pass.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from mlipkit.nn.plain import UsesOperators
from mlipkit.ops.degree_linear import degree_linear_reference


class EquivariantLinear(UsesOperators):
    """Mixes channels within each degree 0 .. l_max. ``weight`` [l_max+1, channels in, channels out]."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"weight": ("degree", "in", "out")}

    def __init__(self, l_max: int, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.paths = [1] * (l_max + 1)
        self.scales = [1.0 / math.sqrt(channels_in)] * (l_max + 1)
        self.weight = nn.Parameter(torch.randn(l_max + 1, channels_in, channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """[N, (l_max+1)^2, channels in] -> [N, (l_max+1)^2, channels out]."""
        one_group = torch.zeros([0], dtype=torch.int64, device=x.device)
        if self.plain:
            return degree_linear_reference(x, self.weight.unsqueeze(0), one_group, self.paths, self.scales)
        return torch.ops.mlip.degree_linear(x, self.weight.unsqueeze(0), one_group, self.paths, self.scales)


class SpeciesLinear(UsesOperators):
    """Mixes channels within each degree with the matrix of the atom's species.

    The fully connected product of features and one-hot species of MACE, by index: ``weight``
    [l_max+1, n_species, channels, channels], factor 1/sqrt(channels * fan_in) with ``fan_in`` = n_species unless given.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"weight": ("degree", "species", "in", "out")}

    def __init__(self, l_max: int, channels: int, n_species: int, fan_in: int | None = None) -> None:
        super().__init__()
        self.paths = [1] * (l_max + 1)
        self.scales = [1.0 / math.sqrt(channels * (fan_in or n_species))] * (l_max + 1)
        self.weight = nn.Parameter(torch.randn(l_max + 1, n_species, channels, channels))

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """[N, (l_max+1)^2, channels], [N] -> [N, (l_max+1)^2, channels]."""
        weight = self.weight.transpose(0, 1)
        if self.plain:
            return degree_linear_reference(x, weight, species, self.paths, self.scales)
        return torch.ops.mlip.degree_linear(x, weight, species, self.paths, self.scales)
