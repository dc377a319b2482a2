# SPDX-License-Identifier: MIT
"""Conditions of the whole system (task, total charge, spin multiplicity) as vectors added to the initial features."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn


class IntegerEmbedding(nn.Module):
    """A learned vector for each integer low .. high; ``weight`` [high - low + 1, channels], factor 1/sqrt(fan_in) with
    ``fan_in`` = high - low + 1 unless given."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"weight": ("value", "channel")}

    def __init__(self, name: str, low: int, high: int, channels: int, fan_in: int | None = None) -> None:
        super().__init__()
        self.name = name
        self.low = low
        self.scale = 1.0 / math.sqrt(fan_in or high - low + 1)
        self.weight = nn.Parameter(torch.randn(high - low + 1, channels))

    def forward(self, values: Tensor) -> Tensor:
        """[1] or [N], integers in any dtype -> [1 or N, channels]. Values outside the range are an index error."""
        index = torch.round(values).to(torch.int64) - self.low
        return (self.weight * self.scale).index_select(0, index)


class TaskEmbedding(IntegerEmbedding):
    """A learned vector for each task."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"weight": ("task", "channel")}


class ConditionEmbedding(nn.Module):
    """Sum of the embeddings of all declared conditions, and of the task where there are, or were, several.

    ``task_fan_in``: how many tasks there were when the model was first trained; null: ``n_tasks``.
    """

    def __init__(
        self, ranges: dict[str, tuple[int, int]], n_tasks: int, channels: int, task_fan_in: int | None = None
    ) -> None:
        super().__init__()
        embeddings: list[nn.Module] = [
            IntegerEmbedding(name, low, high, channels) for name, (low, high) in ranges.items()
        ]
        if (task_fan_in or n_tasks) > 1:
            embeddings.append(TaskEmbedding("task", 0, n_tasks - 1, channels, task_fan_in))
        self.any = len(embeddings) > 0
        self.embeddings = nn.ModuleList(embeddings)

    def forward(self, features: Tensor, conditions: dict[str, Tensor]) -> Tensor:
        """Adds to initial features [n_all, 1, channels] what each condition, [1] or [n_all], says."""
        for embedding in self.embeddings:
            features = features + embedding(conditions[embedding.name]).unsqueeze(1)  # type: ignore[index]
        return features
