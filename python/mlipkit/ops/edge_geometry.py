# SPDX-License-Identifier: MIT
"""Lengths and directions of edges: the choice between the plain definition and the kernels."""

import torch
from torch import Tensor

from mlipkit.nn.spherical_harmonics import spherical_harmonics


def edge_geometry_reference(r_ij: Tensor, l_max: int) -> tuple[Tensor, Tensor]:
    """Distances [E] and spherical harmonics [E, (l_max+1)^2] of the directions of r_ij [E, 3]."""
    distance = torch.sqrt((r_ij * r_ij).sum(1))
    return distance, spherical_harmonics(l_max, r_ij / distance.unsqueeze(1))


def edge_geometry(r_ij: Tensor, l_max: int) -> tuple[Tensor, Tensor]:
    """:func:`edge_geometry_reference`, by the kernels where there are some for the device."""
    if r_ij.is_cuda and not torch.ops.mlip.has_cuda():
        return edge_geometry_reference(r_ij, l_max)
    return torch.ops.mlip.edge_geometry(r_ij, l_max)
