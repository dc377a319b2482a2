# SPDX-License-Identifier: MIT
"""Structures that a model cannot tell apart: the same atoms at the same places, but turned, shifted or renumbered.

The same calculation often comes twice, through two collections, rounded differently and with other cell vectors or
another order of atoms. A hash of rounded distances would miss such copies: of ten thousand distances one always lies at
the edge of its bin. So a structure is described by a few smooth invariants, and two are compared within a tolerance.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from ase.geometry import complete_cell
from numpy.typing import NDArray

from mlipkit.data.structure import Structure
from mlipkit.interfaces.errors import EngineError
from mlipkit.interfaces.neighbours import NeighbourList

RADIUS = 5.0  # angstrom
TOLERANCE = 1e-5  # copies rounded to 1e-4 angstrom differ by less, frames of MD one step apart by more
BIN = 1e-4  # of the first invariants, to find candidates
N_BINNED = 3
SAME_ENERGY = 1e-3  # eV/atom


class Duplicates:
    """Remembers structures, about half a kB for each, and recognises those that come again.

    Attributes:
        contradictory: duplicates whose energy is another one by more than 1 meV/atom.
    """

    def __init__(self) -> None:
        self.contradictory = 0
        self._neighbours = NeighbourList(RADIUS)
        self._known: dict[tuple[Any, ...], list[tuple[NDArray[np.float32], float]]] = {}

    def seen(self, structure: Structure) -> bool:
        """Whether an equivalent structure of the same task and conditions came before; remembers it if not."""
        found = invariants(structure, self._neighbours).astype(np.float32)
        energy = np.nan if structure.energy is None else structure.energy / len(structure)
        kind = (structure.task, tuple(sorted(structure.conditions.items())), np.bincount(structure.numbers).tobytes())
        near = [{int((v - TOLERANCE) // BIN), int((v + TOLERANCE) // BIN)} for v in found[:N_BINNED].tolist()]
        for place in product(*near):
            for other, its_energy in self._known.get((*kind, *place), ()):
                if np.abs(other - found).max() < TOLERANCE:
                    self.contradictory += abs(energy - its_energy) > SAME_ENERGY
                    return True
        home = tuple(int(value // BIN) for value in found[:N_BINNED].tolist())
        self._known.setdefault((*kind, *home), []).append((found, energy))
        return False


def invariants(structure: Structure, neighbours: NeighbourList) -> NDArray[np.float64]:
    """Numbers that neither rotation, translation, reflection, wrapping nor the order of atoms changes.

    Sums over pairs within 5 angstrom with smooth weights see how atoms lie around each other. Structure factors of the
    smallest reciprocal vectors (periodic directions) and the spread of the atoms (open ones) see what lies further
    apart, such as two rigid molecules.
    """
    charges = structure.numbers / 10.0
    try:
        edges = neighbours.update(structure.positions, structure.cell, structure.pbc)
    except EngineError:  # atoms at the same place: not for this check to tell
        return np.zeros(17)
    x = np.linalg.norm(edges.r_ij, axis=1) / RADIUS
    z_i, z_j = charges[edges.centre], charges[edges.neighbour]
    weights = (1 - x**2) ** 3 * np.stack([np.ones_like(x), z_i + z_j, z_i * z_j])
    pairs = np.stack([(weights * x**power).sum(axis=1) for power in range(4)]).ravel() / len(structure)
    periodic = np.array(structure.pbc)
    cell = complete_cell(structure.cell * periodic[:, None])
    fractions = structure.positions @ np.linalg.inv(cell)
    waves = np.array(list(product((-1, 0, 1), repeat=int(periodic.sum()))))
    phases = np.exp(2j * np.pi * fractions[:, periodic] @ waves.T)
    factors = np.abs(charges @ phases / len(structure)) ** 2
    spread = np.zeros(3)
    if not periodic.all():
        outside = fractions[:, ~periodic] - fractions[:, ~periodic].mean(axis=0)
        spread[: outside.shape[1]] = np.linalg.eigvalsh(outside.T @ outside / len(structure))
    return np.arcsinh(np.array([*pairs, factors.mean(), *spread, np.cbrt(abs(np.linalg.det(cell)))]))
