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
    blocks: list[Tensor] = []
    path, row = 0, 0
    for degree, n_paths in enumerate(paths):
        size = 2 * degree + 1
        rows = x[:, row : row + size * n_paths].reshape(x.shape[0], size, n_paths * x.shape[2])
        matrices = weight[:, path : path + n_paths].flatten(1, 2)
        blocks.append(scale[degree] * _by_group(rows, matrices, group))
        path += n_paths
        row += size * n_paths
    return torch.cat(blocks, dim=1)


def _by_group(rows: Tensor, matrices: Tensor, group: Tensor) -> Tensor:
    """[N, m, c], [groups, c, d], [N] or [0] -> [N, m, d]; never copies a matrix for each atom."""
    if group.numel() == 0:
        return rows @ matrices[0]
    result = torch.zeros([rows.shape[0], rows.shape[1], matrices.shape[2]], dtype=rows.dtype, device=rows.device)
    for number in range(matrices.shape[0]):
        members = (group == number).nonzero().squeeze(1)
        if members.shape[0] > 0:
            result = result.index_copy(0, members, rows.index_select(0, members) @ matrices[number])
    return result
