# SPDX-License-Identifier: MIT
"""Writes the structures in ``cases/``. They are committed; run this only to add one: ``python make_cases.py``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import molecule
from scipy.spatial.transform import Rotation

FOLDER = Path(__file__).parent / "cases"


def water(cell: np.ndarray, grid: Sequence[int], pbc: Sequence[bool], seed: int, jitter: float = 0.25) -> Atoms:
    """One randomly turned molecule per point of a grid in the cell, moved by up to ``jitter`` angstrom."""
    rng = np.random.default_rng(seed)
    atoms = Atoms(cell=cell, pbc=pbc)
    for index in np.ndindex(*grid):
        centre = (np.array(index) + 0.5) / grid @ cell + rng.uniform(-jitter, jitter, 3)
        one = molecule("H2O")
        one.positions -= one.get_center_of_mass()
        turn = Rotation.from_quat(rng.normal(size=4)).as_matrix()
        one.positions = one.positions @ turn.T + rng.normal(0, 0.02, (3, 3)) + centre
        atoms += one
    return atoms


def slab() -> Atoms:
    atoms = water(np.diag([9.3, 8.7, 9.0]), (3, 3, 3), (True, True, False), seed=3)
    atoms.cell[2, 2] = 30.0
    atoms.positions[:, 2] += 10.0
    return atoms


def corner() -> Atoms:
    """All atoms within half an angstrom to seven of one corner of a box of 26 angstrom; some lie across its faces."""
    atoms = water(np.diag([6.2, 6.2, 6.2]), (2, 2, 2), (False,) * 3, seed=4)
    atoms.positions -= 0.6
    atoms.set_cell(np.diag([26.0, 26.0, 26.0]))
    atoms.pbc = True
    return atoms


def wire() -> Atoms:
    return water(np.diag([3.1, 3.1, 9.2]), (1, 1, 3), (False, False, True), seed=6)


def cases() -> dict[str, tuple[str, Atoms]]:
    tilted = np.array([[8.1, 0.0, 0.0], [2.9, 7.8, 0.0], [-2.4, 3.1, 7.9]])
    two = Atoms("OH", [[0.1, 0.2, 0.3], [0.8, 0.9, 1.1]], cell=np.diag([2.6, 2.9, 3.3]), pbc=True)
    single = molecule("H2O")
    single.positions += np.array([0.3, -0.2, 0.1]) + np.random.default_rng(7).normal(0, 0.05, (3, 3))
    return {
        "bulk_water": (
            "24 molecules, orthogonal, all directions periodic",
            water(np.diag([12.4, 9.3, 6.2]), (4, 3, 2), (True,) * 3, seed=1),
        ),
        "triclinic": (
            "18 molecules in a strongly tilted cell, lower triangular as LAMMPS stores it",
            water(tilted, (3, 3, 2), (True,) * 3, seed=2),
        ),
        "two_atom_cell": ("cutoff longer than every cell vector: atoms see their own images many times", two),
        "slab": ("27 molecules, periodic in x and y, open in z", slab()),
        "wire": ("three molecules, periodic in z alone", wire()),
        "molecule": ("one distorted water molecule in vacuum, no cell", single),
        "isolated_atom": ("one oxygen atom: no edge at all, zero forces", Atoms("O", [[1.0, 2.0, 3.0]])),
        "corner": ("8 molecules around one corner of a large box: most ranks of a parallel run own no atom", corner()),
    }


def main() -> None:
    for name, (about, atoms) in cases().items():
        content = {
            "name": name,
            "about": about,
            "species": atoms.get_chemical_symbols(),
            "cell": atoms.cell.array.round(10).tolist() if atoms.cell.rank == 3 else None,
            "pbc": atoms.pbc.tolist(),
            "positions": atoms.positions.round(10).tolist(),
        }
        (FOLDER / f"{name}.json").write_text(compact(content))


def compact(content: dict[str, Any]) -> str:
    """JSON with one key per line and one position per line."""
    parts = [f'"{key}": {json.dumps(value)}' for key, value in content.items() if key != "positions"]
    rows = ",\n  ".join(json.dumps(row) for row in content["positions"])
    return "{\n " + ",\n ".join([*parts, f'"positions": [\n  {rows}\n ]']) + "\n}\n"


if __name__ == "__main__":
    main()
