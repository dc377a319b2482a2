# SPDX-License-Identifier: MIT
"""The linear map of each degree and group of atoms: its definition in plain PyTorch."""

import torch
from torch import Tensor


def degree_linear_reference(x: Tensor, weight: Tensor, group: Tensor, paths: list[int], scale: list[float]) -> Tensor:
    """What ``torch.ops.mlip.degree_linear`` computes.

    Args:
        x: [N, rows, channels]; rows by degree l, then component m, then path into l.
        weight: [groups, paths, channels, channels out], paths into degree 0 first.
        group: [N] which of the weights an atom has; empty where there is one group.
        paths: number of paths into each degree.
        scale: factor of each degree.

    Returns:
        [N, (degrees)^2, channels out].
    """
    if group.numel() == 0:
        group = torch.zeros([x.shape[0]], dtype=torch.int64, device=x.device)
    blocks: list[Tensor] = []
    path, row = 0, 0
    for degree, n_paths in enumerate(paths):
        rows = x[:, row : row + (2 * degree + 1) * n_paths].unflatten(1, (2 * degree + 1, n_paths))
        matrices = weight[group, path : path + n_paths]
        blocks.append(scale[degree] * torch.einsum("impc,ipcd->imd", rows, matrices))
        path += n_paths
        row += (2 * degree + 1) * n_paths
    return torch.cat(blocks, dim=1)
