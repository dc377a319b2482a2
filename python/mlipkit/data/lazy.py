# SPDX-License-Identifier: MIT
"""Sequences whose entries are made when they are asked for: parts of others, several in a row, graphs on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from mlipkit.data.graph import GraphBatch
from mlipkit.data.graphs import GraphBuilder, add_reference_energies
from mlipkit.data.structure import Structure

Item = TypeVar("Item")
Indices = NDArray[np.int64]


class Lazy(Sequence[Item], Generic[Item]):
    """A sequence that keeps nothing; subclasses say its length and how to make an entry."""

    def make(self, index: int) -> Item:
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self.make(position) for position in range(len(self))[index]]
        return self.make(range(len(self))[index])

    def __iter__(self) -> Iterator[Item]:
        return (self.make(index) for index in range(len(self)))


class Chosen(Lazy[Item]):
    """Some entries of a sequence."""

    def __init__(self, base: Sequence[Item], indices: Indices) -> None:
        self.base, self.indices = base, indices

    def __len__(self) -> int:
        return len(self.indices)

    def make(self, index: int) -> Item:
        return self.base[int(self.indices[index])]


class Joined(Lazy[Item]):
    """The entries of several sequences, one sequence after the other."""

    def __init__(self, parts: Sequence[Sequence[Item]]) -> None:
        self.parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def make(self, index: int) -> Item:
        number = int(np.searchsorted(self._ends, index, side="right"))
        return self.parts[number][index - (int(self._ends[number - 1]) if number else 0)]


class Weighted(Lazy[Item]):
    """The entries of a sequence, each with its weight multiplied by a factor."""

    def __init__(
        self, base: Sequence[Item], factors: NDArray[np.float64], multiply: Callable[[Item, float], Item]
    ) -> None:
        self.base, self.factors, self.multiply = base, factors, multiply

    def __len__(self) -> int:
        return len(self.base)

    def make(self, index: int) -> Item:
        return self.multiply(self.base[index], float(self.factors[index]))


def weighted_structure(structure: Structure, factor: float) -> Structure:
    return replace(structure, weight=structure.weight * factor)


def weighted_graph(graph: GraphBatch, factor: float) -> GraphBatch:
    return replace(graph, weight=None if graph.weight is None else graph.weight * factor)


class BuiltGraphs(Lazy[GraphBatch]):
    """Graphs of structures, each built when it is asked for; threads may share it.

    Attributes:
        e0: reference energies by task, in the order of the builder's tasks; None: graphs are left without.
    """

    def __init__(self, structures: Sequence[Structure], builder: GraphBuilder) -> None:
        self.structures, self.builder = structures, builder
        self.e0: Sequence[Mapping[str, float]] | None = None

    def __len__(self) -> int:
        return len(self.structures)

    def make(self, index: int) -> GraphBatch:
        graph = self.builder.graph(self.structures[index], 0.0)  # distances were looked at before
        if self.e0 is not None:
            add_reference_energies([graph], self.e0, self.builder.species)
        return graph


def set_reference_energies(
    graphs: Sequence[GraphBatch], e0: Sequence[Mapping[str, float]], species: Sequence[str]
) -> None:
    """Gives graphs their ``e0``: those in memory at once, those on demand when they are built.

    Args:
        graphs: of structures.
        e0: reference energies by task, in the order of the model's tasks, eV.
        species: of the model.
    """
    if isinstance(graphs, BuiltGraphs):
        graphs.e0 = e0
    elif isinstance(graphs, (Chosen, Weighted)):
        set_reference_energies(graphs.base, e0, species)
    elif isinstance(graphs, Joined):
        for part in graphs.parts:
            set_reference_energies(part, e0, species)
    else:
        add_reference_energies(graphs, e0, species)


def chosen(items: Sequence[Item], indices: Indices) -> Sequence[Item]:
    """Entries of a sequence by their indices; a list of what lies in a list."""
    if isinstance(items, list):
        return [items[index] for index in indices]
    if isinstance(items, Chosen):
        return Chosen(items.base, items.indices[indices])
    return Chosen(items, indices)


def joined(parts: Sequence[Sequence[Item]]) -> Sequence[Item]:
    """All entries in a row; a list where all parts are lists."""
    if all(isinstance(part, list) for part in parts):
        return [item for part in parts for item in part]
    return Joined(parts)
