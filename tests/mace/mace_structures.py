# SPDX-License-Identifier: MIT
"""Structures on which two programs are compared: small periodic cell, triclinic cell, molecule, isolated atom.

Distances follow covalent radii, so that pair repulsion acts between the closest atoms whatever the elements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

CLOSEST = 0.85  # of the sum of covalent radii
NEVER_CLOSER = 0.9  # angstrom
STRUCTURES = ["small_cell", "triclinic", "molecule", "isolated_atom"]


def scattered(numbers: Sequence[int], cell: np.ndarray, pbc: bool, seed: int) -> Atoms:
    """Atoms at random places of the cell, none closer than CLOSEST and NEVER_CLOSER; the cell grows until they fit."""
    random = np.random.default_rng(seed)
    radii = covalent_radii[list(numbers)]
    steps = np.stack(np.meshgrid(*[[-1, 0, 1] if pbc else [0]] * 3), axis=-1).reshape(-1, 3)
    while True:
        positions = np.empty((0, 3))
        for index in range(len(numbers)):
            candidates = random.random((200, 3)) @ cell
            vectors = candidates[:, None, None] - positions[:, None] + steps @ cell  # [candidate, atom, image, 3]
            closest = np.maximum(CLOSEST * (radii[index] + radii[:index]), NEVER_CLOSER)
            free = (np.linalg.norm(vectors, axis=3) > closest[:, None]).all(axis=(1, 2))
            if not free.any():
                break
            positions = np.concatenate([positions, candidates[free.argmax()][None]])
        else:
            return Atoms(numbers=list(numbers), positions=positions, cell=cell if pbc else None, pbc=pbc)
        cell = 1.03 * cell


def cycled(numbers: Sequence[int], count: int) -> list[int]:
    return [numbers[k % len(numbers)] for k in range(count)]


def comparison_structures(numbers: Sequence[int], cutoff: float) -> dict[str, Atoms]:
    """The four structures by name, for the given elements; the triclinic cell holds every one of them.

    The small cell is shorter than the cutoff in at least one direction.
    """
    spacing = max(2.0, 2.4 * float(covalent_radii[list(numbers)].mean()))  # angstrom, as in a liquid
    short = 0.62 * cutoff
    small = scattered(cycled(numbers, 2), np.diag([short, 1.05 * short, max(spacing, 1.2 * short)]), True, seed=1)
    assert small.cell.lengths().min() < cutoff
    count = max(9, len(numbers))
    shape = np.array([[1.0, 0.0, 0.0], [0.3, 0.95, 0.0], [-0.25, 0.2, 1.05]])
    triclinic = scattered(cycled(numbers, count), spacing * np.cbrt(count) * shape, True, seed=2)
    molecule = scattered(cycled(numbers[::-1], 6), 0.9 * spacing * np.cbrt(6) * np.eye(3), False, seed=3)
    return {
        "small_cell": small,
        "triclinic": triclinic,
        "molecule": molecule,
        "isolated_atom": Atoms(numbers=[numbers[-1]], positions=[[0.3, -0.2, 0.1]]),
    }
