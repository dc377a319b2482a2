# SPDX-License-Identifier: MIT
"""mlipkit with the same weights; its neighbour list is always timed with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipkit.interfaces.ase import MLIPCalculator
from mlipkit.interfaces.engine import Engine

Evaluation = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]  # of positions [N, 3]


def engine(path: Path, atoms: Atoms, precision: str, threads: int = 1, device: str = "cpu") -> Evaluation:
    """The engine, with a neighbour list made anew for every call (hosts keep candidates for some steps)."""
    opened = Engine(path, species=sorted(set(atoms.symbols)), precision=precision, threads=threads, device=device)
    order = {symbol: index for index, symbol in enumerate(sorted(set(atoms.symbols)))}
    species = np.array([order[symbol] for symbol in atoms.symbols])
    cell, pbc = np.array(atoms.cell), atoms.pbc

    def evaluate(positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        found = opened.compute(species, positions, cell, pbc)
        return found.energy, found.forces

    return evaluate


def calculator(path: Path, atoms: Atoms, precision: str, threads: int = 1) -> Evaluation:
    """The ASE calculator with its skin, as users get it."""
    moving = atoms.copy()
    moving.calc = MLIPCalculator(path, precision=precision, threads=threads)

    def evaluate(positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        moving.positions = positions
        forces = moving.get_forces()
        return moving.get_potential_energy(), forces

    return evaluate
