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
    them. The weight of a structure multiplies its errors. Weights of quantities may change along the run in stages.
    """

    def __init__(self, config: LossConfig) -> None:
        self.huber = config.kind == "huber"
        deltas = config.huber_delta
        self.stages = config.stages
        first = config.weights()
        final = first
        for stage in self.stages:
            final = stage.weights(final)
        self.names = [name for name in first if first[name] > 0 or any(s.weights(first)[name] > 0 for s in self.stages)]
        self.first = first
        self.final = {name: final[name] for name in self.names}
        named = {"energy": deltas.energy, "forces": deltas.forces, "stress": deltas.stress}
        self.deltas = {name: named.get(name, deltas.outputs) for name in self.names}

    def weights(self, progress: float) -> dict[str, float]:
        """Weight of each quantity at a progress of the run between 0 and 1."""
        weights = self.first
        for stage in self.stages:
            if progress < stage.after:
                break
            share = 1.0 if stage.ramp == 0 else min(1.0, (progress - stage.after) / stage.ramp)
            target = stage.weights(weights)
            weights = {name: weight + share * (target[name] - weight) for name, weight in weights.items()}
        return {name: weights[name] for name in self.names}

    def sums(self, prediction: Prediction, batch: GraphBatch) -> dict[str, Sums]:
        """Errors of each quantity with a weight; ``prediction`` may be part of an autograd graph."""
        result: dict[str, Sums] = {}
        for name in self.names:
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

    def total(
        self, sums: Mapping[str, Sums], weights: Mapping[str, float], counts: Mapping[str, Sums] | None = None
    ) -> Tensor:
        """The scalar that is minimised.

        Args:
            sums: summed errors.
            weights: of the quantities.
            counts: where the sums are those of a part, the whole whose counts divide them.
        """
        whole = counts or sums
        return torch.stack(
            [weights[name] * (sums[name].total / whole[name].count.clamp(min=1)) for name in weights]
        ).sum()

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
