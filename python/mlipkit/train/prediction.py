# SPDX-License-Identifier: MIT
"""A model on many structures, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from mlipkit.data.graph import GraphBatch
from mlipkit.data.graphs import collate
from mlipkit.data.structure import Structure
from mlipkit.nn.evaluate import Prediction, evaluate
from mlipkit.train.results import Results, collect


def batches(graphs: Sequence[GraphBatch], size: int) -> Iterator[GraphBatch]:
    """Graphs in order, ``size`` at a time."""
    for start in range(0, len(graphs), size):
        yield collate(graphs[start : start + size])


def predict(model: torch.nn.Module, found: Iterable[GraphBatch]) -> Iterator[tuple[GraphBatch, Prediction]]:
    """Detached predictions of each batch; the model's parameters get no gradients."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        for batch in found:
            yield batch, evaluate(model, batch, training=False)
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


def gather(structures: Sequence[Structure], predicted: Sequence[tuple[GraphBatch, Prediction]]) -> Results:
    """Predictions of all batches beside the labels of the structures, in the same order."""

    def joined(values: Iterable[torch.Tensor]) -> np.ndarray:
        return torch.cat([value.double().cpu() for value in values]).numpy()

    names = predicted[0][1].outputs
    outputs = {name: joined(prediction.outputs[name] for _, prediction in predicted) for name in names}
    e0 = [batch.e0 for batch, _ in predicted if batch.e0 is not None]
    return collect(
        structures,
        joined(prediction.energy for _, prediction in predicted),
        joined(prediction.forces for _, prediction in predicted),
        joined(prediction.stress for _, prediction in predicted),
        outputs,
        joined(e0) if e0 else None,
    )


def predict_all(
    model: torch.nn.Module, structures: Sequence[Structure], graphs: Sequence[GraphBatch], batch_size: int
) -> Results:
    """Results for structures whose graphs are given."""
    return predict_batches(model, structures, batches(graphs, batch_size))


def predict_batches(model: torch.nn.Module, structures: Sequence[Structure], found: Iterable[GraphBatch]) -> Results:
    """Results for structures whose batches come in order; of each batch only what has no edges is kept."""
    predicted = [(batch.without_edges().to("cpu"), p.to("cpu")) for batch, p in predict(model, found)]
    return gather(structures, predicted)
