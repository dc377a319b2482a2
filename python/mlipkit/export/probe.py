# SPDX-License-Identifier: MIT
"""The probe ``probe.json``: small structures that together cover every species and task. Imports no torch.

Geometries follow from the manifest alone (covalent radii, no random numbers); the reference numbers are filled in by
``reference.py``. The engine evaluates, when it opens an artifact, those structures whose species are all in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray
from pydantic import Field

from mlipkit.export.manifest import Condition, Record, stable_json

HOMONUCLEAR_ATOMS = 4
CHUNK = 6  # species per mixed cluster
PERIODIC_ATOMS = 4
# Bonds in units of the sum of covalent radii: no two alike, so that no force vanishes by symmetry, and the first short
# enough that a short-range repulsion acts.
STRETCH = (0.97, 1.1, 1.22)
SPACING = 2.9  # angstrom, cube root of the volume per atom: sparse, so that the crystal has few edges
Vector = tuple[float, float, float]


class ProbeStructure(Record):
    species: list[str] = Field(description="symbol of each atom")
    positions: list[Vector] = Field(description="position of each atom, angstrom")
    cell: tuple[Vector, Vector, Vector] | None = Field(description="rows are the cell vectors, angstrom; null: none")
    pbc: tuple[bool, bool, bool] = Field(description="periodic directions")
    task: str = Field(description="name of the task")
    conditions: dict[str, float] = Field(description="value of each condition of the manifest")
    energy: float = Field(default=0.0, description="reference energy without E0, eV")
    forces: list[Vector] = Field(default_factory=list, description="reference forces, eV/angstrom")
    virial: tuple[float, float, float, float, float, float] = Field(
        default=(0.0,) * 6, description="reference virial xx yy zz xy xz yz, eV"
    )
    outputs: dict[str, list[list[float]]] = Field(
        default_factory=dict, description="reference values of each output per atom"
    )


class Probe(Record):
    structures: list[ProbeStructure] = Field(description="structures with their float64 reference numbers")

    def dumps(self) -> str:
        return stable_json(self.model_dump())

    def largest_force(self) -> float:
        return max((abs(x) for s in self.structures for force in s.forces for x in force), default=0.0)


def make_probe(species: Sequence[str], cutoff: float, tasks: Sequence[str], conditions: dict[str, Condition]) -> Probe:
    """Structures without reference numbers: per task one cluster of each species, mixed clusters, one crystal.

    Args:
        species: chemical symbols of the model.
        cutoff: of the model, angstrom; bonds are shortened where they would not fit into it.
        tasks: names.
        conditions: of the manifest; their defaults and range ends are cycled through.
    """
    # One more species than the chunk, so that a last chunk of one is mixed too.
    chunks = [[*species[k : k + CHUNK], species[(k + CHUNK) % len(species)]] for k in range(0, len(species), CHUNK)]
    structures: list[ProbeStructure] = []
    for task in tasks:
        clusters = [[symbol] * HOMONUCLEAR_ATOMS for symbol in species]
        if len(species) > 1:
            clusters += chunks
        for symbols in clusters:
            structures.append(_structure(symbols, _cluster(symbols, cutoff), None, task))
        symbols = [species[k % len(species)] for k in range(PERIODIC_ATOMS)]
        positions, cell = _crystal(symbols, cutoff)
        structures.append(_structure(symbols, positions, cell, task))
    for index, structure in enumerate(structures):
        structure.conditions = {
            name: values[index % len(values)]
            for name, condition in conditions.items()
            for values in [_condition_values(condition, structure.task)]
        }
    return Probe(structures=structures)


def _structure(symbols: Sequence[str], positions: NDArray, cell: NDArray | None, task: str) -> ProbeStructure:
    # Coordinates are rounded so that the text is short and exact.
    content: dict[str, Any] = {
        "species": list(symbols),
        "positions": np.round(positions, 4).tolist(),
        "cell": None if cell is None else np.round(cell, 4).tolist(),
        "pbc": [cell is not None] * 3,
        "task": task,
        "conditions": {},
    }
    return ProbeStructure.model_validate(content)


def _condition_values(condition: Condition, task: str) -> list[float]:
    values = [condition.default[task]] if task in condition.default else []
    return values + [value for value in condition.range if value not in values]


def _bond(first: str, second: str, cutoff: float) -> float:
    """A covalent bond, angstrom, short enough that the pair interacts when stretched."""
    radii = covalent_radii[atomic_numbers[first]] + covalent_radii[atomic_numbers[second]]
    return float(min(radii, 0.6 * cutoff))


def _directions(n: int) -> NDArray:
    """[n, 3] unit vectors spread evenly over the sphere (golden spiral), none along a coordinate axis."""
    k = np.arange(n) + 0.5
    z = 1 - 2 * k / n
    angle = np.pi * (1 + np.sqrt(5)) * k
    return np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)


def _cluster(symbols: Sequence[str], cutoff: float) -> NDArray:
    """[n, 3] angstrom: each atom bonded to an earlier one and as far or farther from all others."""
    positions = np.zeros((1, 3))
    directions = _directions(37)
    for index in range(1, len(symbols)):
        stretch = STRETCH[(index - 1) % len(STRETCH)]
        bonds = np.array([_bond(symbols[index], other, cutoff) for other in symbols[:index]])
        steps = stretch * bonds[:, None, None] * np.roll(directions, -7 * index, axis=0)
        candidates = (positions[:, None] + steps).reshape(-1, 3)
        distances = np.linalg.norm(candidates[:, None] - positions, axis=2)
        room = (distances / bonds).min(axis=1)
        fits = np.flatnonzero(room > 0.999 * stretch)
        chosen = fits[0] if len(fits) else room.argmax()
        positions = np.concatenate([positions, candidates[chosen : chosen + 1]])
    return positions


def _crystal(symbols: Sequence[str], cutoff: float) -> tuple[NDArray, NDArray]:
    """Positions [n, 3] and cell [3, 3], angstrom: a sparse triclinic crystal, atoms near the sites of fcc."""
    shape = np.array([[1.0, 0.0, 0.0], [0.21, 0.97, 0.0], [-0.13, 0.17, 1.06]])
    bond = max(_bond(a, b, cutoff) for a in symbols for b in symbols)
    spacing = max(bond, min(SPACING, 0.7 * cutoff))
    cell = shape * spacing * np.cbrt(len(symbols) / np.linalg.det(shape))
    sites = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    shifts = 0.05 * _directions(len(sites))
    return (sites + shifts)[: len(symbols)] @ cell, cell
