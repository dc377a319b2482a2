# SPDX-License-Identifier: MIT
"""Convolution over edges: radial weight x spherical harmonic x neighbour feature, summed into the centre.

The plain definition (MACE, eq. 8; Batatia et al., NeurIPS 2022): it makes arrays of size edges x components x channels,
one path (l1 of the feature, l2 of the harmonic, l3 of the message) at a time.
"""

import math

import torch
from torch import Tensor, nn

from mlipkit.nn.clebsch_gordan import wigner_3j
from mlipkit.nn.radial import RadialNetwork


def coupling_paths(l_in: int, l_sh: int, l_out: int) -> list[tuple[int, int, int]]:
    """Paths (l1, l2, l3) that conserve parity, ordered by l3, then l1, then l2: the order of the radial weights."""
    return [
        (l1, l2, l3)
        for l3 in range(l_out + 1)
        for l1 in range(l_in + 1)
        for l2 in range(l_sh + 1)
        if abs(l1 - l2) <= l3 <= l1 + l2 and (l1 + l2 + l3) % 2 == 0
    ]


class ConvolutionPath(nn.Module):
    """One path of the tensor product, sqrt(2 l3 + 1) times the Wigner 3j tensor."""

    coupling: Tensor

    def __init__(self, l1: int, l2: int, l3: int) -> None:
        super().__init__()
        self.l1, self.l2, self.l3 = l1, l2, l3
        coupling = torch.tensor(math.sqrt(2 * l3 + 1) * wigner_3j(l1, l2, l3), dtype=torch.float64)
        by_harmonic = coupling.permute(1, 2, 0).reshape(2 * l2 + 1, (2 * l3 + 1) * (2 * l1 + 1))
        self.register_buffer("coupling", by_harmonic.contiguous().to(torch.get_default_dtype()), persistent=False)

    def forward(self, weight: Tensor, harmonics: Tensor, feature: Tensor) -> Tensor:
        """Messages of the path.

        Args:
            weight: [E, channels] radial weights.
            harmonics: [E, (l_sh+1)^2].
            feature: [E, (l_in+1)^2, channels] of the neighbours.

        Returns:
            [E, 2 l3 + 1, channels].
        """
        y = harmonics.narrow(1, self.l2 * self.l2, 2 * self.l2 + 1)
        if self.l1 == 0:  # the 3j tensor is the identity
            return y.unsqueeze(2) * (weight * feature[:, 0]).unsqueeze(1)
        x = feature.narrow(1, self.l1 * self.l1, 2 * self.l1 + 1) * weight.unsqueeze(1)
        return torch.bmm((y @ self.coupling).view(y.shape[0], 2 * self.l3 + 1, 2 * self.l1 + 1), x)


class Convolution(nn.Module):
    """Message of every atom: all paths summed over its edges, mixed per degree and divided by ``divisor``.

    ``mixing`` [paths, channels, channels]: rows of the paths into l3 are contiguous and form one linear map with
    fan_in = paths(l3) x channels.
    """

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
        self.n_paths = len(paths)
        self.channels = channels
        self.divisor = divisor
        self.cutoff_on_basis = cutoff_on_basis
        self.radial = RadialNetwork([*radial_widths, self.n_paths * channels], activation_scale)
        self.paths = nn.ModuleList([ConvolutionPath(*path) for path in paths])
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
        sender = features.index_select(0, neighbour)
        sums: list[Tensor] = []
        for index, path in enumerate(self.paths):
            message = path(weights[:, index], harmonics, sender)
            start = torch.zeros([n_local, message.shape[1], self.channels], dtype=message.dtype, device=message.device)
            sums.append(start.index_add(0, centre, message))
        blocks: list[Tensor] = []
        first = 0
        for n_paths in self.paths_into:
            fan_in = n_paths * self.channels
            scale = 1.0 / (math.sqrt(fan_in) * self.divisor)
            matrix = self.mixing[first : first + n_paths].reshape(fan_in, self.channels) * scale
            blocks.append(torch.cat(sums[first : first + n_paths], dim=2) @ matrix)
            first += n_paths
        return torch.cat(blocks, dim=1)
