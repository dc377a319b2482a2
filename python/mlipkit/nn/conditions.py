# SPDX-License-Identifier: MIT
"""Conditions of the whole system (task, total charge, spin multiplicity) as vectors added to the initial features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class IntegerEmbedding(nn.Module):
    """A learned vector for each integer low .. high; ``weight`` [high - low + 1, channels]."""

    def __init__(self, name: str, low: int, high: int, channels: int) -> None:
        super().__init__()
        self.name = name
        self.low = low
        self.scale = 1.0 / math.sqrt(high - low + 1)
        self.weight = nn.Parameter(torch.randn(high - low + 1, channels))

    def forward(self, values: Tensor) -> Tensor:
        """[1] or [N], integers in any dtype -> [1 or N, channels]. Values outside the range are an index error."""
        index = torch.round(values).to(torch.int64) - self.low
        return (self.weight * self.scale).index_select(0, index)


class ConditionEmbedding(nn.Module):
    """Sum of the embeddings of all declared conditions, and of the task where there are several."""

    def __init__(self, ranges: dict[str, tuple[int, int]], n_tasks: int, channels: int) -> None:
        super().__init__()
        declared = dict(ranges)
        if n_tasks > 1:
            declared["task"] = (0, n_tasks - 1)
        self.any = len(declared) > 0
        self.embeddings = nn.ModuleList(
            [IntegerEmbedding(name, low, high, channels) for name, (low, high) in declared.items()]
        )

    def forward(self, features: Tensor, conditions: dict[str, Tensor]) -> Tensor:
        """Adds to initial features [n_all, 1, channels] what each condition, [1] or [n_all], says."""
        for embedding in self.embeddings:
            features = features + embedding(conditions[embedding.name]).unsqueeze(1)  # type: ignore[index]
        return features
