# SPDX-License-Identifier: MIT
"""Sums over windows of six rows: their definition in plain PyTorch."""

import torch
from torch import Tensor


def windowed_sum_reference(factors: Tensor, rows: Tensor, start: Tensor) -> Tensor:
    """What ``torch.ops.mlip.windowed_sum`` computes: sum over m of factors[e, m] rows[start[e] + m].

    Args:
        factors: [E, 6].
        rows: [rows, columns].
        start: [E] first row of each window; start + 6 must not exceed the number of rows.

    Returns:
        [E, columns].
    """
    return (factors.unsqueeze(2) * rows[start.unsqueeze(1) + torch.arange(6, device=start.device)]).sum(1)
