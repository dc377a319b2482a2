# SPDX-License-Identifier: MIT
"""Structures to graphs; graphs to batches, every step.

A graph is a :class:`GraphBatch` of one structure. Edges come from the engine's neighbour list.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from ase.data import atomic_numbers
from torch import Tensor

from mlipkit.data.errors import DataError, nearest
from mlipkit.data.graph import GraphBatch
from mlipkit.data.structure import Structure
from mlipkit.interfaces.errors import EngineError
from mlipkit.interfaces.neighbours import Edges, NeighbourList

CLOSEST = 0.3  # angstrom: atoms nearer than this are a mistake, unless the user says otherwise


class AtomsTooClose(DataError):
    """Atoms on top of each other; at the very same place not even a direction is defined."""

    same_place = False


class GraphBuilder:
    """Builds graphs for one model: its species, cutoff and tasks.

    Args:
        species: chemical symbols in model order.
        cutoff: angstrom.
        tasks: names in model order.
        dtype: of geometry and labels; energies stay float64.
        outputs: named per-atom outputs and how many values each has per atom.
    """

    def __init__(
        self,
        species: Sequence[str],
        cutoff: float,
        tasks: Sequence[str],
        dtype: torch.dtype,
        outputs: Mapping[str, int] | None = None,
    ) -> None:
        self.species, self.tasks, self.dtype = list(species), list(tasks), dtype
        self.outputs = dict(outputs or {})
        self.cutoff = cutoff
        self._index = np.full(120, -1, dtype=np.int64)
        for position, symbol in enumerate(species):
            self._index[atomic_numbers[symbol]] = position
        self._lists = threading.local()  # a neighbour list serves one thread at a time

    def _neighbours(self) -> NeighbourList:
        if not hasattr(self._lists, "own"):
            self._lists.own = NeighbourList(self.cutoff)
        found: NeighbourList = self._lists.own
        return found

    def graph(self, structure: Structure, min_distance: float = CLOSEST) -> GraphBatch:
        """The graph of one structure, labels included; E0 is left out.

        Args:
            structure: with labels or without.
            min_distance: angstrom; atoms closer than this are refused.

        Raises:
            AtomsTooClose: which atoms, and how far apart.
            DataError: a species or task that the model lacks; a cell that no neighbour list can be made for.
        """
        species = self._index[structure.numbers]
        if (species < 0).any():
            symbol = structure.symbols[int(np.argmin(species))]
            raise DataError(
                f"{structure.where}: the model does not know species {symbol!r}; it knows {', '.join(self.species)}"
            )
        if structure.task not in self.tasks:
            raise DataError(f"{structure.where}: unknown task {structure.task!r}{nearest(structure.task, self.tasks)}")
        n_atoms = len(structure)
        edges = edges_of(structure, self._neighbours(), min_distance)
        return GraphBatch(
            r_ij=torch.tensor(edges.r_ij, dtype=self.dtype),
            centre=torch.tensor(edges.centre, dtype=torch.int64),
            neighbour=torch.tensor(edges.neighbour, dtype=torch.int64),
            species=torch.from_numpy(species),
            structure=torch.zeros(n_atoms, dtype=torch.int64),
            n_atoms=torch.tensor([n_atoms]),
            volume=torch.tensor([structure.volume], dtype=self.dtype),
            task=torch.tensor([self.tasks.index(structure.task)]),
            conditions={k: torch.tensor([v], dtype=self.dtype) for k, v in structure.conditions.items()},
            energy=torch.tensor([np.nan if structure.energy is None else structure.energy], dtype=torch.float64),
            forces=self._labels(structure.forces, (n_atoms, 3)),
            stress=self._labels(structure.stress, (1, 6)),
            weight=torch.tensor([structure.weight], dtype=self.dtype),
            outputs={name: self._output(structure, name, width) for name, width in self.outputs.items()},
        )

    def _labels(self, values: np.ndarray | None, shape: tuple[int, ...]) -> Tensor:
        if values is None:
            return torch.full(shape, torch.nan, dtype=self.dtype)
        return torch.tensor(values, dtype=self.dtype).reshape(shape)

    def _output(self, structure: Structure, name: str, width: int) -> Tensor:
        values = structure.outputs.get(name)
        if values is not None and values.size != len(structure) * width:
            shape = list(values.shape)
            raise DataError(f"{structure.where}: output {name!r} has shape {shape}, the model gives {width} per atom")
        return self._labels(values, (len(structure), width))


def edges_of(structure: Structure, neighbours: NeighbourList, min_distance: float) -> Edges:
    """Edges of a structure whose atoms lie apart.

    Raises:
        AtomsTooClose: two atoms are closer than ``min_distance`` (angstrom).
        DataError: a cell that no neighbour list can be made for.
    """
    try:
        edges = neighbours.update(structure.positions, structure.cell, structure.pbc)
    except EngineError as error:
        if "same place" not in error.message:
            raise DataError(f"{structure.where}: {error.message}") from None
        too_close = AtomsTooClose(f"{structure.where}: {error.message}")
        too_close.same_place = True
        raise too_close from None
    squared = np.einsum("ei,ei->e", edges.r_ij, edges.r_ij)
    if squared.size and squared.min() < min_distance**2:
        edge = int(squared.argmin())
        i, j = int(edges.centre[edge]), int(edges.neighbour[edge])
        image = "its own periodic image" if i == j else f"{j} ({structure.symbols[j]})"
        raise AtomsTooClose(
            f"{structure.where}: atoms {i} ({structure.symbols[i]}) and {image} lie on top of each other "
            f"({np.sqrt(squared[edge]):.3f} angstrom apart, less than {min_distance:g}; is data.units.length right?)"
        )
    return edges


def add_reference_energies(
    graphs: Iterable[GraphBatch], e0: Sequence[Mapping[str, float]], species: Sequence[str]
) -> None:
    """Sets ``e0`` of each graph to the sum over its atoms, by its task (eV, float64)."""
    table = torch.tensor([[values[symbol] for symbol in species] for values in e0], dtype=torch.float64)
    for graph in graphs:
        graph.e0 = table[graph.task[0], graph.species].sum().reshape(1)


def collate(graphs: Sequence[GraphBatch]) -> GraphBatch:
    """One disconnected graph of several; edges stay sorted by centre."""
    if len(graphs) == 1:
        return graphs[0]
    n_atoms = torch.cat([graph.n_atoms for graph in graphs])
    n_edges = torch.tensor([graph.centre.shape[0] for graph in graphs])
    edge_offset = torch.repeat_interleave(_first_atoms(graphs), n_edges)

    def cat(name: str) -> Tensor:
        return torch.cat([getattr(graph, name) for graph in graphs])

    def cat_optional(name: str) -> Tensor | None:
        return None if getattr(graphs[0], name) is None else cat(name)

    def cat_entries(name: str) -> dict[str, Tensor]:
        return {key: torch.cat([getattr(graph, name)[key] for graph in graphs]) for key in getattr(graphs[0], name)}

    return GraphBatch(
        r_ij=cat("r_ij"),
        centre=cat("centre") + edge_offset,
        neighbour=cat("neighbour") + edge_offset,
        species=cat("species"),
        structure=torch.repeat_interleave(torch.arange(n_atoms.shape[0]), n_atoms),
        n_atoms=n_atoms,
        volume=cat("volume"),
        task=cat("task"),
        conditions=cat_entries("conditions"),
        e0=cat_optional("e0"),
        energy=cat_optional("energy"),
        forces=cat_optional("forces"),
        stress=cat_optional("stress"),
        weight=cat_optional("weight"),
        outputs=cat_entries("outputs"),
    )


def _first_atoms(graphs: Sequence[GraphBatch]) -> Tensor:
    """Index of the first atom of each graph in the batch."""
    sizes = torch.tensor([graph.species.shape[0] for graph in graphs])
    return torch.cumsum(sizes, 0) - sizes
