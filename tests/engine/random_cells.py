# SPDX-License-Identifier: MIT
"""Random structures of every awkward kind, and their edges by brute force (independent of the engine)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

KINDS = ("orthorhombic", "triclinic", "slanted", "left-handed", "tiny", "flat", "unwrapped", "one atom", "open")


@dataclass(frozen=True)
class Case:
    positions: NDArray
    cell: NDArray
    pbc: NDArray
    cutoff: float


def random_case(kind: str, seed: int) -> Case:
    """A structure of a kind; periodicity, size and cutoff follow from the seed."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    pbc = np.array(list(product([False, True], repeat=3))[seed % 8])
    size = 0.7 if kind == "tiny" else 5.0
    cell = np.diag(rng.uniform(0.8, 1.6, 3) * size)
    n_atoms = int(rng.integers(2, 4 if kind == "tiny" else 25))
    cutoff = float(rng.uniform(1.5, 3.0 if kind == "tiny" else 6.0))
    if kind in ("triclinic", "left-handed", "unwrapped"):
        cell = cell + rng.uniform(-0.35, 0.35, (3, 3)) * size
    if kind == "slanted":  # vectors plus multiples of each other: nearly parallel, the same crystal
        cell[1] += rng.integers(-4, 5) * cell[0]
        cell[2] += rng.integers(-4, 5) * cell[0] + rng.integers(-4, 5) * cell[1]
    if kind == "left-handed" and np.linalg.det(cell) > 0:
        cell = cell[[1, 0, 2]]
    if kind == "flat":
        cell[int(rng.integers(3))] *= 0.12
    if kind == "one atom":
        n_atoms, cutoff = 1, 2.0 * cutoff
    if kind == "open":
        pbc = np.array([False, False, False])
    positions = rng.uniform(0, 1, (n_atoms, 3)) @ cell
    if kind == "unwrapped":
        positions = positions + rng.integers(-3, 4, (n_atoms, 3)) @ (cell * pbc[:, None])
        positions = positions + rng.normal(scale=3.0, size=(n_atoms, 3)) * ~pbc.any()
    return Case(positions, cell, pbc, cutoff)


def brute_force(case: Case) -> dict[tuple[int, ...], NDArray]:
    """(i, j, S) -> r_ij of every edge, by trying all images that could be near."""
    edges = {}
    cell = np.where(case.pbc[:, None], case.cell, _completed(case.cell, case.pbc))
    inverse = np.linalg.inv(cell)
    reach = case.cutoff * np.linalg.norm(inverse, axis=0)  # in lattice coordinates
    for i, xi in enumerate(case.positions):
        for j, xj in enumerate(case.positions):
            middle = -((xj - xi) @ inverse)
            low = np.where(case.pbc, np.ceil(middle - reach), 0).astype(int)
            high = np.where(case.pbc, np.floor(middle + reach), 0).astype(int)
            shifts = np.array(list(product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))))
            if len(shifts) == 0:
                continue
            vectors = xj - xi + shifts @ cell
            near = np.linalg.norm(vectors, axis=1) < case.cutoff
            for shift, vector in zip(shifts[near], vectors[near], strict=True):
                if i != j or shift.any():
                    edges[(i, j, *(int(s) for s in shift))] = vector
    return edges


def _completed(cell: NDArray, pbc: NDArray) -> NDArray:
    """Vectors orthogonal to the periodic ones, for the open directions."""
    if not pbc.any():
        return np.eye(3)
    complement = np.linalg.svd(cell[pbc])[2][pbc.sum() :]
    completed = np.array(cell, dtype=float)
    completed[~pbc] = complement
    return completed
