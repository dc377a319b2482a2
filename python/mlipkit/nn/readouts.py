# SPDX-License-Identifier: MIT
"""From scalar features to per-atom numbers: energies per task, and named outputs."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn


def pick_task(values: Tensor, task: Tensor) -> Tensor:
    """[N, n_tasks], [1] or [N] -> [N], the column of each atom's task."""
    return values.gather(1, task.expand(values.shape[0]).unsqueeze(1)).squeeze(1)


class Absolute(nn.Module):
    """|x|."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.abs(x)


ACTIVATIONS = {"silu": nn.SiLU, "tanh": nn.Tanh, "abs": Absolute, "identity": nn.Identity}


class LinearReadout(nn.Module):
    """``weight`` [channels, width]."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"weight": ("in", "out")}

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.scale = 1.0 / math.sqrt(channels)
        self.weight = nn.Parameter(torch.randn(channels, width))

    def forward(self, scalars: Tensor) -> Tensor:
        """[N, channels] -> [N, width]."""
        return scalars @ (self.weight * self.scale)


class NamedReadout(LinearReadout):
    """A named per-atom output."""

    is_readout: ClassVar[bool] = True

    def __init__(self, name: str, channels: int, width: int) -> None:
        super().__init__(channels, width)
        self.name = name


class EnergyReadout(nn.Module):
    """Linear, usual in all layers but the last: one column per task."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"linear.weight": ("in", "task")}
    is_readout: ClassVar[bool] = True

    def __init__(self, channels: int, n_tasks: int) -> None:
        super().__init__()
        self.linear = LinearReadout(channels, n_tasks)

    def forward(self, scalars: Tensor, task: Tensor) -> Tensor:
        """[N, channels], [1] or [N] -> [N]."""
        return pick_task(self.linear(scalars), task)

    def features(self, scalars: Tensor, task: Tensor) -> Tensor:
        """What the last linear map takes: [N, channels], [1] or [N] -> [N, n_features]."""
        return scalars


class NoReadout(nn.Module):
    """Of a layer whose features feed the next one alone."""

    def forward(self, scalars: Tensor, task: Tensor) -> Tensor:
        """[N, channels], [1] or [N] -> zeros [N]."""
        return torch.zeros_like(scalars[:, 0])

    def features(self, scalars: Tensor, task: Tensor) -> Tensor:
        """[N, channels], [1] or [N] -> [N, 0]."""
        return scalars[:, :0]


class GatedEnergyReadout(nn.Module):
    """One hidden layer of units per task, of the last layer. ``hidden`` [channels, n_tasks, units],
    ``out`` [n_tasks, units]."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"hidden": ("in", "task", "unit"), "out": ("task", "unit")}
    is_readout: ClassVar[bool] = True

    def __init__(
        self, channels: int, n_tasks: int, units: int, activation_scale: float, activation: str = "silu"
    ) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]()
        self.n_tasks, self.units = n_tasks, units
        self.activation_scale = activation_scale
        self.scale = 1.0 / math.sqrt(channels)
        self.hidden = nn.Parameter(torch.randn(channels, n_tasks, units))
        self.out = nn.Parameter(torch.randn(n_tasks, units))

    def forward(self, scalars: Tensor, task: Tensor) -> Tensor:
        """[N, channels], [1] or [N] -> [N]."""
        return pick_task((self._units(scalars) * (self.out / math.sqrt(self.units))).sum(2), task)

    def features(self, scalars: Tensor, task: Tensor) -> Tensor:
        """What the last linear map takes, the units of the task: [N, channels], [1] or [N] -> [N, units]."""
        index = task.expand(scalars.shape[0]).view(-1, 1, 1).expand(-1, 1, self.units)
        return self._units(scalars).gather(1, index).squeeze(1)

    def _units(self, scalars: Tensor) -> Tensor:
        """[N, channels] -> [N, n_tasks, units]."""
        flat = self.hidden.reshape(scalars.shape[1], self.n_tasks * self.units) * self.scale
        units = self.activation_scale * self.activation(scalars @ flat)
        return units.view(scalars.shape[0], self.n_tasks, self.units)
