# SPDX-License-Identifier: MIT
"""Model and loss as the one module that distributed training wraps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mlipkit.data.graph import GraphBatch
from mlipkit.nn.evaluate import evaluate
from mlipkit.train.loss import Loss


class LossModule(nn.Module):
    """Model and loss in one ``forward``, as distributed training needs it."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, batch: GraphBatch) -> dict[str, tuple[Tensor, Tensor]]:
        sums = self.loss.sums(evaluate(self.model, batch, training=True), batch)
        return {name: (value.total, value.count) for name, value in sums.items()}


def freeze_unreached(module: LossModule, batch: GraphBatch) -> None:
    """Parameters that no term of the loss depends on (readouts of unlabelled outputs) get no gradient.

    Distributed training waits for the gradient of every other one.
    """
    module.to(batch.r_ij.device)
    torch.stack([total for total, _ in module(batch).values()]).sum().backward()
    for parameter in module.parameters():
        if parameter.grad is None:
            parameter.requires_grad_(False)
        parameter.grad = None
