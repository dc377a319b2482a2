# SPDX-License-Identifier: MIT
"""What a training run must know of every structure at once, without its atoms: a few numbers per structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipkit.data.config import ISOLATED_ATOM
from mlipkit.data.graph import GraphBatch
from mlipkit.data.store import CONDITIONS, N_ELEMENTS
from mlipkit.data.structure import Structure

Column = NDArray[Any]


class Compositions:
    """Different numbers of atoms per element; structures refer to them by index."""

    def __init__(self) -> None:
        self._indices: dict[bytes, int] = {}

    def indices(self, counts: NDArray[np.int64]) -> NDArray[np.int32]:
        """Index of each row of [n, 120] numbers of atoms."""
        different, inverse = np.unique(counts.astype(np.int32), axis=0, return_inverse=True)
        found = [self._indices.setdefault(row.tobytes(), len(self._indices)) for row in different]
        return np.array(found, dtype=np.int32)[inverse.ravel()]

    def counts(self) -> NDArray[np.int64]:
        """[C, 120] atoms per element of every composition."""
        rows = np.frombuffer(b"".join(self._indices), dtype=np.int32)
        return rows.reshape(-1, N_ELEMENTS).astype(np.int64)


@dataclass
class Table:
    """Columns with an entry per structure; NaN where a label is missing."""

    compositions: Compositions
    names: list[str]  # of config_types, tasks and entries, to which columns refer
    n_atoms: Column
    n_edges: Column
    shortest: Column  # angstrom, infinity without edges
    energy: Column  # eV
    force_squares: Column  # sum over components, (eV/angstrom)^2
    largest_force: Column  # eV/angstrom
    stress_squares: Column  # sum over components, (eV/angstrom^3)^2
    largest_stress: Column  # eV/angstrom^3
    weight: Column
    conditions: Column  # [S, 2] in the order of store.CONDITIONS
    composition: Column
    config_type: Column  # these three: index into names
    task: Column
    source: Column

    def __len__(self) -> int:
        return len(self.n_atoms)

    def take(self, rows: Column) -> Table:
        """Some of the structures, by indices or by a mask."""
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS})

    def isolated(self) -> NDArray[np.bool_]:
        """Which are single atoms, marked as isolated or with nothing within the cutoff."""
        return (self.n_atoms == 1) & (self.of("config_type", ISOLATED_ATOM) | (self.n_edges == 0))

    def of(self, column: str, name: str) -> NDArray[np.bool_]:
        """Which have this name in a column."""
        index = self.names.index(name) if name in self.names else -1
        found: NDArray[np.bool_] = getattr(self, column) == index
        return found

    def counts(self, column: str) -> dict[str, int]:
        """How many structures have each name of a column, by name."""
        found = np.bincount(getattr(self, column), minlength=len(self.names))
        return {name: int(count) for name, count in sorted(zip(self.names, found, strict=True)) if count}

    def atoms_per_element(self) -> dict[str, int]:
        """By symbol."""
        times = np.bincount(self.composition, minlength=len(self.compositions.counts()))
        total = times @ self.compositions.counts()
        return {symbol: int(total[z]) for z, symbol in sorted(enumerate(chemical_symbols), key=lambda e: e[1])
                if z < N_ELEMENTS and total[z]}  # fmt: skip

    def reference_energies(self, e0: Mapping[str, Mapping[str, float]]) -> Column:
        """Sum of the reference energies of each structure's task (eV); NaN where one is missing."""
        energies = np.full(len(self), np.nan)
        counts = self.compositions.counts()
        for task, values in e0.items():
            table = np.array([values.get(symbol, np.nan) for symbol in chemical_symbols[:N_ELEMENTS]] + [np.nan] * 2)
            sums = np.where(counts > 0, counts * table[:N_ELEMENTS], 0.0).sum(axis=1)
            rows = self.of("task", task)
            energies[rows] = sums[self.composition[rows]]
        return energies


COLUMNS = [field.name for field in fields(Table) if field.name not in {"compositions", "names"}]


class Tables:
    """Makes tables that share their names and compositions, so that they can be joined."""

    def __init__(self) -> None:
        self.compositions, self.names = Compositions(), list[str]()
        self._indices: dict[str, int] = {}

    def index(self, name: str) -> int:
        """Of a name; new ones are added."""
        if name not in self._indices:
            self._indices[name] = len(self.names)
            self.names.append(name)
        return self._indices[name]

    def of(self, structures: Sequence[Structure], graphs: Sequence[GraphBatch]) -> Table:
        """Of structures in memory and their graphs."""
        n = len(structures)

        def column(values: Iterable[Any], kind: type = float) -> Column:
            return np.fromiter(values, dtype=kind, count=n)

        forces = [np.full((1, 3), np.nan) if s.forces is None else s.forces for s in structures]
        stresses = [np.full(6, np.nan) if s.stress is None else s.stress for s in structures]
        counts = np.array([np.bincount(s.numbers, minlength=N_ELEMENTS) for s in structures])
        return Table(
            self.compositions,
            self.names,
            n_atoms=column((len(s) for s in structures), int),
            n_edges=column((g.centre.shape[0] for g in graphs), int),
            shortest=column(float(g.r_ij.norm(dim=1).min()) if g.r_ij.shape[0] else np.inf for g in graphs),
            energy=column(np.nan if s.energy is None else s.energy for s in structures),
            force_squares=column(np.square(f).sum() for f in forces),
            largest_force=column(np.sqrt(np.square(f).sum(axis=1).max()) for f in forces),
            stress_squares=column(np.square(s).sum() for s in stresses),
            largest_stress=column(np.abs(s).max() for s in stresses),
            weight=column(s.weight for s in structures),
            conditions=np.array([[s.conditions.get(c, np.nan) for c in CONDITIONS] for s in structures]).reshape(
                n, len(CONDITIONS)
            ),
            composition=self.compositions.indices(counts.reshape(n, N_ELEMENTS)),
            config_type=column((self.index(s.config_type) for s in structures), int),
            task=column((self.index(s.task) for s in structures), int),
            source=column((self.index(s.source) for s in structures), int),
        )

    def join(self, tables: Sequence[Table]) -> Table:
        """All rows of tables that this object made."""
        columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in COLUMNS}
        return Table(self.compositions, self.names, **columns)
