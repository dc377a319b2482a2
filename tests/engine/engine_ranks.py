# SPDX-License-Identifier: MIT
"""Several processes imitated by threads, each with an engine of its own; NumPy callbacks copy rows between them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from engine_toy import CUTOFF
from numpy.typing import NDArray
from random_cells import Case

from mlipkit.interfaces.engine import Engine, HaloCallback, Result
from mlipkit.interfaces.neighbours import NeighbourList


class Rank:
    """Local atoms of one process, a ghost per foreign atom or periodic image within the cutoff, and their edges."""

    def __init__(self, number: int, case: Case, species: Sequence[int], owners: Sequence[int]) -> None:
        self.number = number
        self.atoms = [atom for atom, owner in enumerate(owners) if owner == number]
        row = {atom: k for k, atom in enumerate(self.atoms)}
        edges = NeighbourList(CUTOFF).update(case.positions, case.cell, case.pbc)
        mine = np.isin(edges.centre, self.atoms)
        ghosts: dict[tuple[int, ...], int] = {}
        self.centre, self.neighbour = [], []
        for i, j, shift in zip(edges.centre[mine], edges.neighbour[mine], edges.shifts[mine], strict=True):
            self.centre.append(row[int(i)])
            if int(j) in row and not shift.any():
                self.neighbour.append(row[int(j)])
            else:
                key = (int(j), *(int(s) for s in shift))
                self.neighbour.append(len(row) + ghosts.setdefault(key, len(ghosts)))
        self.r_ij = edges.r_ij[mine]
        self.ghosts = [key[0] for key in ghosts]  # the atom that each is an image of
        self.species = [species[atom] for atom in self.atoms + self.ghosts]
        self.exchanges: list[tuple[str, tuple[int, ...], str]] = []


class Ranks:
    """Evaluates a structure on several ranks at once."""

    def __init__(
        self, path: Path, case: Case, species: Sequence[int], owners: Sequence[int], n_ranks: int, precision: str
    ) -> None:
        self.ranks = [Rank(number, case, species, owners) for number in range(n_ranks)]
        self.place = {atom: (rank.number, row) for rank in self.ranks for row, atom in enumerate(rank.atoms)}
        self.engines = [Engine(path, precision=precision, task="pbe") for _ in self.ranks]
        self.meeting = threading.Barrier(n_ranks, timeout=10)
        self.posted: list[NDArray] = [np.zeros(0)] * n_ranks
        for rank, engine in zip(self.ranks, self.engines, strict=True):
            engine.set_halo(self._forward(rank), self._reverse(rank))
            engine.set_reduction(self._over_ranks(rank, np.sum), self._over_ranks(rank, np.max))

    def evaluate(self, centroid_virials: bool = False) -> list[Result]:
        def run(rank: Rank) -> Result:
            graph = (rank.species, rank.centre, rank.neighbour, rank.r_ij, len(rank.atoms))
            wanted = {"energies": True, "virials": True, "centroid_virials": centroid_virials}
            return self.engines[rank.number].evaluate(*graph, **wanted)

        return self.on_all(run)

    def on_all(self, run: Callable[[Rank], Any]) -> list[Any]:
        """Calls ``run`` for all ranks at once."""
        with ThreadPoolExecutor(len(self.ranks)) as pool:
            return list(pool.map(run, self.ranks))

    def fold(self, rows: list[NDArray]) -> NDArray:
        """Adds ghost rows to their owners' rows and sorts by atom."""
        folded = np.zeros((len(self.place), rows[0].shape[1]))
        for rank, values in zip(self.ranks, rows, strict=True):
            np.add.at(folded, rank.atoms + rank.ghosts, values)
        return folded

    def _over_ranks(self, rank: Rank, join: Callable[..., NDArray]) -> HaloCallback:
        """What joins the arrays of all ranks."""

        def reduce(values: NDArray) -> None:
            self.posted[rank.number] = values.copy()
            self.meeting.wait()
            values[:] = join(np.stack(self.posted), axis=0)
            self.meeting.wait()

        return reduce

    def _forward(self, rank: Rank) -> HaloCallback:
        def forward(rows: NDArray) -> None:
            rank.exchanges.append(("forward", rows.shape[1:], rows.dtype.name))
            assert len(rows) == len(rank.species)
            self.posted[rank.number] = rows
            self.meeting.wait()
            for k, atom in enumerate(rank.ghosts):
                owner, row = self.place[atom]
                rows[len(rank.atoms) + k] = self.posted[owner][row]
            self.meeting.wait()

        return forward

    def _reverse(self, rank: Rank) -> HaloCallback:
        def reverse(rows: NDArray) -> None:
            rank.exchanges.append(("reverse", rows.shape[1:], rows.dtype.name))
            self.posted[rank.number] = rows.copy()
            self.meeting.wait()
            for other in self.ranks:
                for k, atom in enumerate(other.ghosts):
                    owner, row = self.place[atom]
                    if owner == rank.number:
                        rows[row] += self.posted[other.number][len(other.atoms) + k]
            self.meeting.wait()

        return reverse
