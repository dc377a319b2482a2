# SPDX-License-Identifier: MIT
"""Optimiser, averaged weights and learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mlipkit.train.config import OptimizerConfig, ScheduleConfig


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """AdamW; weight decay acts on parameters with two or more axes (weight matrices), not on vectors and scalars."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, amsgrad=config.amsgrad, fused=True)


class AveragedWeights:
    """Exponential moving average of the parameters; early averages reach back less far.

    Args:
        model: whose parameters are averaged, by reference.
        decay: None keeps no average; then :meth:`applied` changes nothing.
    """

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self.decay = decay
        self.steps = 0
        self.live = dict(model.named_parameters())
        self.averages = {} if decay is None else {name: p.detach().clone() for name, p in self.live.items()}

    def update(self) -> None:
        """Call after each optimiser step."""
        if self.decay is None:
            return
        weight = 1.0 - min(self.decay, (1.0 + self.steps) / (10.0 + self.steps))
        live = [parameter.detach() for parameter in self.live.values()]
        torch._foreach_lerp_(list(self.averages.values()), live, weight)
        self.steps += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model holds the averaged weights inside the ``with`` block."""
        saved = {name: parameter.detach().clone() for name, parameter in self.live.items()}
        self._load(self.averages)
        try:
            yield
        finally:
            self._load(saved)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "averages": dict(self.averages)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        for name, value in state["averages"].items():
            self.averages[name].copy_(value)

    @torch.no_grad()
    def _load(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            self.live[name].copy_(value)


class Schedule:
    """Learning rate as a function of step, progress and (for ``plateau``) the validation losses so far.

    Args:
        config: shape and numbers.
        peak: learning rate after the warm-up.
    """

    def __init__(self, config: ScheduleConfig, peak: float) -> None:
        self.config, self.peak = config, peak
        self.reduction = 1.0  # plateau
        self.best = math.inf
        self.bad_epochs = 0

    def rate(self, step: int, progress: float) -> float:
        """Learning rate of a step (counted from 0) at a progress between 0 and 1."""
        config, progress = self.config, min(max(progress, 0.0), 1.0)
        warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
        shape = 1.0
        if config.kind == "linear":
            shape = 1.0 - (1.0 - config.final) * progress
        elif config.kind == "cosine":
            shape = config.final + (1.0 - config.final) * 0.5 * (1.0 + math.cos(math.pi * progress))
        elif config.kind == "exponential":
            shape = config.final**progress
        elif config.kind == "plateau":
            shape = max(self.reduction, config.final)
        return self.peak * warmup * shape

    def after_epoch(self, validation_loss: float) -> None:
        """Counts epochs without improvement; reduces the rate after ``patience`` of them (``plateau`` only)."""
        if validation_loss < self.best:
            self.best, self.bad_epochs = validation_loss, 0
            return
        self.bad_epochs += 1
        if self.config.kind == "plateau" and self.bad_epochs >= self.config.patience:
            self.reduction *= self.config.factor
            self.bad_epochs = 0

    def state_dict(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "best": self.best, "bad_epochs": self.bad_epochs}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.reduction, self.best, self.bad_epochs = state["reduction"], state["best"], state["bad_epochs"]
