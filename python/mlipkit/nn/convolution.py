# SPDX-License-Identifier: MIT
"""Convolution over edges, then a linear map per degree: the messages of the atoms."""

import math

import torch
from torch import Tensor, nn

from mlipkit.nn.operator_constants import convolution_coupling, coupling_paths
from mlipkit.nn.radial import RadialNetwork
from mlipkit.ops.convolution import convolution


class Convolution(nn.Module):
    """Message of every atom: all paths summed over its edges, mixed per degree and divided by ``divisor``.

    ``mixing`` [paths, channels, channels]: rows of the paths into l3 are contiguous and form one linear map with
    fan_in = paths(l3) x channels.
    """

    coupling: Tensor

    def __init__(
        self,
        l_in: int,
        l_max: int,
        channels: int,
        radial_widths: list[int],
        activation_scale: float,
        divisor: float,
        cutoff_on_basis: bool = True,
    ) -> None:
        super().__init__()
        paths = coupling_paths(l_in, l_max, l_max)
        self.l_in, self.l_max = l_in, l_max
        self.n_paths = len(paths)
        self.channels = channels
        self.divisor = divisor
        self.cutoff_on_basis = cutoff_on_basis
        self.radial = RadialNetwork([*radial_widths, self.n_paths * channels], activation_scale)
        self.register_buffer("coupling", convolution_coupling(paths), persistent=False)
        self.paths_into: list[int] = [sum(path[2] == l3 for path in paths) for l3 in range(l_max + 1)]
        self.mixing = nn.Parameter(torch.randn(self.n_paths, channels, channels))

    def forward(
        self,
        radial: Tensor,
        envelope: Tensor,
        harmonics: Tensor,
        features: Tensor,
        centre: Tensor,
        neighbour: Tensor,
        n_local: int,
    ) -> Tensor:
        """Messages of the local atoms.

        Args:
            radial: [E, n_basis] radial features; envelope: [E, 1] cutoff.
            harmonics: [E, (l_max+1)^2].
            features: [n_all, (l_in+1)^2, channels].
            centre: [E]; neighbour: [E]; n_local: number of local atoms.

        Returns:
            [n_local, (l_max+1)^2, channels].
        """
        weights = self.radial(radial)
        if not self.cutoff_on_basis:
            weights = weights * envelope
        weights = weights.view(radial.shape[0], self.n_paths, self.channels)
        sums = convolution(
            weights, harmonics, features, centre, neighbour, n_local, self.l_in, self.l_max, self.coupling
        )
        blocks: list[Tensor] = []
        first, row = 0, 0
        for l3, n_paths in enumerate(self.paths_into):
            fan_in, rows = n_paths * self.channels, n_paths * (2 * l3 + 1)
            scale = 1.0 / (math.sqrt(fan_in) * self.divisor)
            matrix = self.mixing[first : first + n_paths].reshape(fan_in, self.channels) * scale
            blocks.append(sums.narrow(1, row, rows).reshape(n_local, 2 * l3 + 1, fan_in) @ matrix)
            first += n_paths
            row += rows
        return torch.cat(blocks, dim=1)
