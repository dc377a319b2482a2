# SPDX-License-Identifier: MIT
"""The training loss. Every term is a sum and a count, so that batches and processes can be added up exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mlipkit.data.graph import GraphBatch
from mlipkit.nn.evaluate import Prediction
from mlipkit.train.config import LossConfig


@dataclass
class Sums:
    """Summed errors of a quantity and the number of labels in the sum."""

    total: Tensor
    count: Tensor

    def mean(self) -> Tensor:
        return self.total / self.count.clamp(min=1)

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.total + other.total, self.count + other.count)


class Loss:
    """Sum over quantities of weight x mean error; the energy enters per atom.

    Missing labels are NaN; they are masked before anything is computed with them, so neither value nor gradient sees
    them. The weight of a structure multiplies its errors.
    """

    def __init__(self, config: LossConfig) -> None:
        self.huber = config.kind == "huber"
        deltas = config.huber_delta
        self.weights = {"energy": config.energy, "forces": config.forces, "stress": config.stress, **config.outputs}
        self.weights = {name: weight for name, weight in self.weights.items() if weight > 0}
        named = {"energy": deltas.energy, "forces": deltas.forces, "stress": deltas.stress}
        self.deltas = {name: named.get(name, deltas.outputs) for name in self.weights}

    def sums(self, prediction: Prediction, batch: GraphBatch) -> dict[str, Sums]:
        """Errors of each quantity with a weight; ``prediction`` may be part of an autograd graph."""
        result: dict[str, Sums] = {}
        for name in self.weights:
            if name == "energy":
                label = None if batch.energy is None else batch.energy / batch.n_atoms
                result[name] = self._errors(name, prediction.energy / batch.n_atoms, label, batch.weight)
            elif name == "stress":
                result[name] = self._errors(name, prediction.stress, batch.stress, batch.weight)
            else:
                weight = None if batch.weight is None else batch.weight[batch.structure]
                values = prediction.forces if name == "forces" else prediction.outputs[name]
                labels = batch.forces if name == "forces" else batch.outputs.get(name)
                result[name] = self._errors(name, values, labels, weight)
        return result

    def total(self, sums: Mapping[str, Sums]) -> Tensor:
        """The scalar that is minimised."""
        return torch.stack([self.weights[name] * sums[name].mean() for name in self.weights]).sum()

    def _errors(self, name: str, value: Tensor, label: Tensor | None, weight: Tensor | None) -> Sums:
        if label is None:
            return Sums(value.new_zeros(()), value.new_zeros(()))
        label = label.reshape(value.shape)
        known = torch.isfinite(label)
        difference = torch.where(known, value - torch.where(known, label, 0.0), 0.0)
        if self.huber:
            error = torch.nn.functional.huber_loss(
                difference, torch.zeros_like(difference), reduction="none", delta=self.deltas[name]
            )
        else:
            error = difference.square()
        if weight is not None:
            error = error * weight.reshape(-1, *[1] * (error.dim() - 1))
        return Sums(error.sum(), known.sum())
