# SPDX-License-Identifier: MIT
"""What must hold before training starts: labels that loss and model ask for are there, and are plausible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlipkit.data.config import DataConfig
from mlipkit.data.errors import DataError, nearest
from mlipkit.data.graphs import GraphBuilder
from mlipkit.data.labels import Wanted
from mlipkit.data.lazy import chosen
from mlipkit.data.plausibility import warn_of_huge, warn_of_implausible, warn_of_references
from mlipkit.data.reference import ReferenceEnergies
from mlipkit.data.structure import Structure
from mlipkit.data.subset import Subset, stored_parts

MOST_JUDGED = 1_000  # structures of a store whose plausibility is looked at one by one


def warn(prepared: Mapping[str, Subset], references: Mapping[str, ReferenceEnergies]) -> None:
    """Of labels that are hardly meant. Stores are judged by their tables, and by some of their structures."""
    read: list[Structure] = []
    for name, subset in prepared.items():
        if subset.in_memory:
            found = list(subset.structures)
        else:
            warn_of_huge(subset.table, subset.structures)
            some = np.random.default_rng(0).permutation(len(subset))[:MOST_JUDGED]
            found = list(chosen(subset.structures, np.sort(some)))
        read += found
        if name == "train":
            warn_of_references(found, references)
    warn_of_implausible(read)


def check_labels(train: Subset, wanted: Wanted) -> None:
    table = train.table
    columns = {"energy": table.energy, "forces": table.force_squares, "stress": table.stress_squares}
    for label in wanted.labels:
        if np.isnan(columns[label]).all():
            reason = " (stress needs structures that are periodic in all directions)" if label == "stress" else ""
            raise DataError(
                f"no training structure has a label for {label}{reason}; set data.keys.{label}, "
                f"or loss.{label} to 0 to train without it"
            )


def check_outputs(structures: Sequence[Structure], builder: GraphBuilder, data: DataConfig) -> None:
    """Outputs of the model need labels, and labels of outputs a model that gives them."""
    named = {name for entries in data.entries().values() for e in entries for name in (e.keys or data.keys).outputs}
    for name in sorted(named):
        if name not in builder.outputs:
            raise DataError(
                f"data.keys.outputs names {name!r}, which is not among model.outputs{nearest(name, builder.outputs)}; "
                f"add {{name: {name}, unit: ...}} to model.outputs, or remove it from data.keys.outputs"
            )
    stored = [part.store.outputs for part in stored_parts(structures)]
    for name in builder.outputs:
        if any(name in outputs for outputs in stored):
            continue
        if not any(name in structure.outputs for structure in structures):
            raise DataError(
                f"no training structure has values for output {name!r}; set data.keys.outputs.{name} to the key that "
                "holds them, or remove it from model.outputs"
            )
