# SPDX-License-Identifier: MIT
"""Structures with their graphs, and which of them are left out: atoms on top of each other, weight zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mlipkit.data.config import DataConfig
from mlipkit.data.errors import DataError, nearest
from mlipkit.data.graph import GraphBatch
from mlipkit.data.graphs import AtomsTooClose, GraphBuilder
from mlipkit.data.structure import Structure


@dataclass
class Subset:
    """Structures and their graphs, in the same order."""

    structures: list[Structure]
    graphs: list[GraphBatch]

    def __len__(self) -> int:
        return len(self.structures)

    def take(self, indices: Sequence[int]) -> Subset:
        return Subset([self.structures[index] for index in indices], [self.graphs[index] for index in indices])


def partition(subset: Subset, chosen: Sequence[int]) -> tuple[Subset, Subset]:
    """What is left and what was chosen."""
    taken = set(chosen)
    left = [index for index in range(len(subset)) if index not in taken]
    return subset.take(left), subset.take(chosen)


def with_graphs(
    structures: Sequence[Structure], builder: GraphBuilder, data: DataConfig, notes: list[str] | None = None
) -> Subset:
    """Graphs of all structures; those with atoms too close are dropped, with a note, where the user says so.

    Raises:
        DataError: a species or task that the model lacks; atoms closer than ``data.min_distance``.
    """
    subset = Subset([], [])
    for structure in structures:
        try:
            graph = builder.graph(structure, data.min_distance)
        except AtomsTooClose as error:
            if data.too_close == "refuse":
                raise refusal(error) from None
            if notes is not None:
                notes.append(f"dropped: {error}")
            continue
        subset.structures.append(structure)
        subset.graphs.append(graph)
    return subset


def refusal(error: AtomsTooClose) -> AtomsTooClose:
    """The same error with what to do about it."""
    lower = "" if error.same_place else "lower data.min_distance, "
    remedy = f"Remove the frame, {lower}or leave such frames out with `data.too_close: drop`"
    return AtomsTooClose(f"{error}. {remedy}")


def without_weightless(subset: Subset, name: str, notes: list[str]) -> Subset:
    """Structures of weight zero could only cost time: they are left out, and a note says how many."""
    weightless = [index for index, structure in enumerate(subset.structures) if structure.weight == 0]
    if not weightless:
        return subset
    left, dropped = partition(subset, weightless)
    kinds = Counter(structure.config_type or "(none)" for structure in dropped.structures)
    counts = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    notes.append(f"dropped: {len(dropped)} {name} structures of weight 0 (by config_type: {counts})")
    return left


def check_config_types(data: DataConfig, structures: Sequence[Structure]) -> None:
    """A weight for a config_type that no structure has is a slip of the pen.

    Raises:
        DataError: naming it and those that there are.
    """
    known = sorted({structure.config_type for structure in structures} - {""})
    for name in data.config_type_weights:
        if name not in known:
            raise DataError(
                f"data.config_type_weights names {name!r}, which no structure has{nearest(name, known)} "
                f"(config_types: {', '.join(known) or 'none'})"
            )
