# SPDX-License-Identifier: MIT
"""The convolution: its definition in plain PyTorch, and the choice between it and the kernels."""

import torch
from torch import Tensor

from mlipkit.nn.radial_table import spline_pieces


def convolution_reference(
    weights: Tensor,
    harmonics: Tensor,
    features: Tensor,
    centre: Tensor,
    neighbour: Tensor,
    n_local: int,
    l_in: int,
    l_max: int,
    coupling: Tensor,
) -> Tensor:
    """Sum over edges of radial weight x coupled harmonics x neighbour feature (MACE, eq. 8; Batatia et al., NeurIPS
    2022), path by path; makes arrays of size edges x components x channels.

    Args:
        weights: [E, paths, channels]; paths (l1, l2, l3) of feature, harmonic and message by l3, then l1, then l2.
        harmonics: [E, (l_max+1)^2].
        features: [n_all, (l_in+1)^2, channels].
        centre: [E]; neighbour: [E]; n_local: number of local atoms.
        l_in, l_max: highest degrees of features and of harmonics.
        coupling: for each path [2 l1 + 1, 2 l2 + 1, 2 l3 + 1], joined.

    Returns:
        [n_local, rows, channels]; rows by l3, then m3, then path.
    """
    sender = features.index_select(0, neighbour)
    coupling = coupling.to(weights.dtype)
    blocks: list[Tensor] = []
    path, used = 0, 0
    for l3 in range(l_max + 1):
        sums: list[Tensor] = []
        for l1 in range(l_in + 1):
            for l2 in range(abs(l1 - l3), min(l_max, l1 + l3) + 1):
                if (l1 + l2 + l3) % 2 == 0:
                    m1, m2, m3 = 2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1
                    tensor = coupling[used : used + m1 * m2 * m3].view(m1, m2, m3).permute(1, 2, 0).reshape(m2, m3 * m1)
                    coupled = (harmonics.narrow(1, l2 * l2, m2) @ tensor).view(-1, m3, m1)
                    x = sender.narrow(1, l1 * l1, m1) * weights[:, path].unsqueeze(1)
                    message = torch.bmm(coupled, x)
                    start = torch.zeros([n_local, m3, x.shape[2]], dtype=x.dtype, device=x.device)
                    sums.append(start.index_add(0, centre, message))
                    path += 1
                    used += m1 * m2 * m3
        blocks.append(torch.stack(sums, dim=2).flatten(1, 2))
    return torch.cat(blocks, dim=1)


def table_weights(distance: Tensor, table: Tensor, which: Tensor, first: float, per_length: float) -> Tensor:
    """Radial weights of ``torch.ops.mlip.convolution_table``: uniform B-splines of fifth degree.

    With x = (distance - first) * per_length on interval k = floor(x), kept within the table, a weight is the sum of the
    six pieces of the B-spline at x - k times rows k .. k + 5. Beyond the last knot it is zero; below the first one the
    first polynomial goes on.

    Args:
        distance: [E]; first: distance of the first knot; per_length: knots per unit of distance.
        table: [n_tables, intervals + 5, paths, channels].
        which: [E] table of each edge; not read if there is only one.

    Returns:
        [E, paths, channels].
    """
    n_intervals = table.shape[1] - 5
    x = (distance - first) * per_length
    interval = x.detach().long().clamp(0, n_intervals - 1)
    pieces = spline_pieces(x - interval) * (x <= n_intervals).unsqueeze(1)
    rows = interval.unsqueeze(1) + torch.arange(6, device=table.device)
    if table.shape[0] > 1:
        rows = rows + (which * table.shape[1]).unsqueeze(1)
    return (pieces.unsqueeze(2) * table.flatten(0, 1).flatten(1)[rows]).sum(1).view(-1, table.shape[2], table.shape[3])


def convolution(
    weights: Tensor,
    harmonics: Tensor,
    features: Tensor,
    centre: Tensor,
    neighbour: Tensor,
    n_local: int,
    l_in: int,
    l_max: int,
    coupling: Tensor,
) -> Tensor:
    """:func:`convolution_reference`, by the kernels where there are some for the device."""
    if features.is_cuda and not torch.ops.mlip.has_cuda():
        return convolution_reference(weights, harmonics, features, centre, neighbour, n_local, l_in, l_max, coupling)
    return torch.ops.mlip.convolution(weights, harmonics, features, centre, neighbour, n_local, l_in, l_max, coupling)
