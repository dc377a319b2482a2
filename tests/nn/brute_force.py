# SPDX-License-Identifier: MIT
"""Structures and their graphs for tests of models, by a plain loop over periodic images: no engine involved."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from mlipkit.data.graph import GraphBatch

Array = NDArray[np.float64]


@dataclass(frozen=True)
class System:
    """Positions [N, 3] and cell rows in angstrom; cell None: open boundaries. Species are model indices."""

    positions: Array
    species: NDArray[np.int64]
    cell: Array | None = None
    task: int = 0
    conditions: dict[str, float] = field(default_factory=dict)

    def moved(self, positions: Array, cell: Array | None = None) -> System:
        return replace(self, positions=positions, cell=self.cell if cell is None else cell)

    @property
    def volume(self) -> float:
        return float("nan") if self.cell is None else abs(float(np.linalg.det(self.cell)))


@dataclass(frozen=True)
class Edges:
    centre: NDArray[np.int64]
    neighbour: NDArray[np.int64]
    shift: NDArray[np.int64]  # [E, 3]
    r_ij: Array


def edges(system: System, cutoff: float) -> Edges:
    """All pairs with distance below the cutoff, sorted by centre."""
    shifts = np.zeros((1, 3), dtype=np.int64)
    cell = np.zeros((3, 3))
    if system.cell is not None:
        cell = system.cell
        heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
        spread = np.ptp(system.positions @ np.linalg.inv(cell), axis=0)
        reach = [int(np.ceil(cutoff / h + s)) for h, s in zip(heights, spread, strict=True)]
        shifts = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach))))
    images = system.positions[None] + (shifts @ cell)[:, None]  # [shifts, N, 3]
    r = images[None] - system.positions[:, None, None]  # [centre, shifts, neighbour, 3]
    distance = np.linalg.norm(r, axis=-1)
    centre, shift, neighbour = np.nonzero((distance < cutoff) & (distance > 1e-9))
    return Edges(centre, neighbour, shifts[shift], r[centre, shift, neighbour])


def batch(systems: Sequence[System], cutoff: float, dtype: torch.dtype = torch.float64) -> GraphBatch:
    """Graph batch of the systems, without labels."""
    lists = [edges(system, cutoff) for system in systems]
    n_atoms = torch.tensor([len(system.species) for system in systems])
    offsets = [0, *torch.cumsum(n_atoms, 0).tolist()]
    names = systems[0].conditions
    return GraphBatch(
        r_ij=torch.tensor(np.concatenate([part.r_ij for part in lists]), dtype=dtype),
        centre=torch.tensor(np.concatenate([part.centre + o for part, o in zip(lists, offsets, strict=False)])),
        neighbour=torch.tensor(np.concatenate([part.neighbour + o for part, o in zip(lists, offsets, strict=False)])),
        species=torch.tensor(np.concatenate([system.species for system in systems])),
        structure=torch.arange(len(systems)).repeat_interleave(n_atoms),
        n_atoms=n_atoms,
        volume=torch.tensor([system.volume for system in systems], dtype=dtype),
        task=torch.tensor([system.task for system in systems]),
        conditions={name: torch.tensor([s.conditions[name] for s in systems], dtype=dtype) for name in names},
    )


def cluster(n_species: int, conditions: dict[str, float], task: int = 0, seed: int = 0) -> System:
    """Seven atoms without any symmetry, 1.2 angstrom or more apart, all species among them."""
    rng = np.random.default_rng(seed)
    corners = np.array(list(itertools.product(range(2), repeat=3)), dtype=float)[:7]
    positions = 1.6 * corners + rng.uniform(-0.2, 0.2, size=(7, 3))
    return System(positions, np.arange(7) % n_species, None, task, conditions)


def crystal(n_species: int, conditions: dict[str, float], task: int = 0, seed: int = 0) -> System:
    """Four atoms in a triclinic cell that is smaller than most cutoffs; one atom lies outside the cell."""
    rng = np.random.default_rng(seed)
    cell = np.array([[3.1, 0.0, 0.0], [0.7, 2.9, 0.0], [-0.5, 0.4, 3.3]])
    fractional = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.1], [0.5, 0.05, 0.55], [1.02, 0.5, 0.5]])
    positions = (fractional + rng.uniform(-0.03, 0.03, size=(4, 3))) @ cell
    return System(positions, np.arange(4) % n_species, cell, task, conditions)
