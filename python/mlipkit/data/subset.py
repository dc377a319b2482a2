# SPDX-License-Identifier: MIT
"""Structures with their graphs, and which of them are left out: filters, atoms on top of each other, weight zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipkit.data.config import DataConfig
from mlipkit.data.errors import DataError, nearest
from mlipkit.data.filters import Filters
from mlipkit.data.graph import GraphBatch
from mlipkit.data.graphs import AtomsTooClose, GraphBuilder, edges_of
from mlipkit.data.lazy import BuiltGraphs, Chosen, Joined, Weighted, chosen, joined
from mlipkit.data.scan import Show
from mlipkit.data.stored import StoredStructures
from mlipkit.data.stored_table import stored_table
from mlipkit.data.structure import Structure
from mlipkit.data.table import Table, Tables
from mlipkit.interfaces.neighbours import NeighbourList


@dataclass
class Subset:
    """Structures, their graphs and their table, in the same order; lists, or sequences that make entries on demand."""

    structures: Sequence[Structure]
    graphs: Sequence[GraphBatch]
    table: Table

    def __len__(self) -> int:
        return len(self.structures)

    def take(self, rows: NDArray[np.int64]) -> Subset:
        return Subset(chosen(self.structures, rows), chosen(self.graphs, rows), self.table.take(rows))

    @property
    def in_memory(self) -> bool:
        """Whether all graphs are there already."""
        return isinstance(self.graphs, list)


def join(subsets: Sequence[Subset], tables: Tables) -> Subset:
    """All structures of several subsets."""
    return Subset(
        joined([subset.structures for subset in subsets]),
        joined([subset.graphs for subset in subsets]),
        tables.join([subset.table for subset in subsets]),
    )


def partition(subset: Subset, mask: NDArray[np.bool_]) -> tuple[Subset, Subset]:
    """What is left and what was chosen."""
    if not mask.any():
        return subset, subset.take(np.flatnonzero(mask))
    return subset.take(np.flatnonzero(~mask)), subset.take(np.flatnonzero(mask))


class SubsetMaker:
    """Makes subsets of structures that were read; what is left out goes into the notes.

    Attributes:
        notes: for people.
    """

    def __init__(self, data: DataConfig, builder: GraphBuilder, show: Show) -> None:
        self.data, self.builder, self.show = data, builder, show
        self.tables = Tables()
        self.filters = Filters(data.filters, {name: task.e0 for name, task in data.tasks.items()})
        self.notes: list[str] = []

    def subset(self, structures: Sequence[Structure]) -> Subset:
        """Structures that pass filters and checks, with graphs.

        Raises:
            DataError: a species or task that the model lacks; atoms closer than ``data.min_distance``.
        """
        parts = structures.parts if isinstance(structures, Joined) else [structures]
        return join([self._stored(p) if isinstance(p, StoredStructures) else self._read(p) for p in parts], self.tables)

    def _read(self, structures: Sequence[Structure]) -> Subset:
        kept: list[Structure] = []
        graphs: list[GraphBatch] = []
        for structure in structures:
            if not self.filters.keeps(structure):
                continue
            try:
                graphs.append(self.builder.graph(structure, self.data.min_distance))
            except AtomsTooClose as error:
                if self.data.too_close == "refuse":
                    raise refusal(error) from None
                self.notes.append(f"dropped: {error}")
                continue
            kept.append(structure)
        return Subset(kept, graphs, self.tables.of(kept, graphs))

    def _stored(self, structures: StoredStructures) -> Subset:
        structures.check_outputs(self.builder.outputs)
        graphs = BuiltGraphs(structures, self.builder)
        table = stored_table(self.tables, structures, self.builder.cutoff, self.show)
        kept = self.filters.passing(table, str(structures.path))
        close = np.flatnonzero(kept & (table.shortest < self.data.min_distance))
        if len(close):
            try:
                edges_of(structures[int(close[0])], NeighbourList(self.builder.cutoff), self.data.min_distance)
            except AtomsTooClose as error:
                if self.data.too_close == "refuse":
                    raise refusal(error) from None
                more = f", and so in {len(close) - 1} more of its structures" if len(close) > 1 else ""
                self.notes.append(f"dropped: {error}{more}")
            kept[close] = False
        whole = Subset(structures, graphs, table)
        return whole if kept.all() else whole.take(np.flatnonzero(kept))

    def without_weightless(self, subset: Subset, name: str) -> Subset:
        """Structures of weight zero could only cost time: they are left out, and a note says how many."""
        left, dropped = partition(subset, subset.table.weight == 0)
        if len(dropped):
            kinds = {kind or "(none)": count for kind, count in dropped.table.counts("config_type").items()}
            counts = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
            self.notes.append(f"dropped: {len(dropped)} {name} structures of weight 0 (by config_type: {counts})")
        return left


def stored_parts(structures: Sequence[Structure]) -> list[StoredStructures]:
    """The stores behind a sequence of structures."""
    if isinstance(structures, StoredStructures):
        return [structures]
    if isinstance(structures, (Chosen, Weighted)):
        return stored_parts(structures.base)
    if isinstance(structures, Joined):
        return [found for part in structures.parts for found in stored_parts(part)]
    return []


def frames_of(structures: Sequence[Structure]) -> list[tuple[str, list[int] | NDArray[np.int64]]]:
    """Files and the frames that are taken of each: a list of those that were read, an array of those in a store."""
    return _frames(structures, np.arange(len(structures)))


def _frames(base: Sequence[Structure], rows: NDArray[np.int64]) -> list[tuple[str, list[int] | NDArray[np.int64]]]:
    if isinstance(base, StoredStructures):
        return [(str(base.path), base.frames[rows])]
    if isinstance(base, Joined):
        ends = np.cumsum([len(part) for part in base.parts])
        owner = np.searchsorted(ends, rows, side="right")
        parts = [(part, rows[owner == k] - (ends[k] - len(part))) for k, part in enumerate(base.parts)]
        return [entry for part, own in parts if len(own) for entry in _frames(part, own)]
    if isinstance(base, Chosen):
        return _frames(base.base, base.indices[rows])
    if isinstance(base, Weighted):
        return _frames(base.base, rows)
    by_file: dict[str, list[int]] = {}
    for row in rows.tolist():
        by_file.setdefault(base[row].file, []).append(base[row].frame)
    return list(by_file.items())


def refusal(error: AtomsTooClose) -> AtomsTooClose:
    """The same error with what to do about it."""
    lower = "" if error.same_place else "lower data.min_distance, "
    remedy = f"Remove the frame, {lower}or leave such frames out with `data.too_close: drop`"
    return AtomsTooClose(f"{error}. {remedy}")


def check_config_types(data: DataConfig, subsets: Sequence[Sequence[Structure]]) -> None:
    """A weight for a config_type that no structure has is a slip of the pen.

    Raises:
        DataError: naming it and those that there are.
    """
    if not data.config_type_weights:
        return
    found: set[str] = set()
    for structures in subsets:
        for part in structures.parts if isinstance(structures, Joined) else [structures]:
            if isinstance(part, StoredStructures):
                found.update(part.store.config_types)
            else:
                found.update(structure.config_type for structure in part)
    known = sorted(found - {""})
    for name in data.config_type_weights:
        if name not in known:
            raise DataError(
                f"data.config_type_weights names {name!r}, which no structure has{nearest(name, known)} "
                f"(config_types: {', '.join(known) or 'none'})"
            )
