# SPDX-License-Identifier: MIT
"""Structures by name: ``water-192``, ``water-1536``, ``copper-256``, ``copper-2048``, ``droplet-9``."""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import ase.build
import ase.io
import numpy as np
from ase import Atoms

WATER = Path(__file__).resolve().parents[2] / "examples" / "water" / "water_64.extxyz.xz"
LATTICE = 3.61  # angstrom, fcc copper
SPECIES = {"water": ("H", "O"), "copper": ("Cu",), "molecule": ("H", "C", "N", "O"), "any": ("H", "C", "N", "O", "Cu")}


def structure(name: str, seed: int = 0) -> Atoms:
    """A structure by kind and number of atoms.

    Raises:
        ValueError: unknown kind, or a number that the kind cannot have; the message names possible ones.
    """
    kind, _, number = name.partition("-")
    makers = {"water": water, "copper": copper, "droplet": droplet}
    if kind not in makers or not number.isdigit():
        raise ValueError(f"structure {name!r}: give a kind of {', '.join(makers)} and a number of atoms, as water-192")
    return makers[kind](int(number), seed)


def liquid() -> Atoms:
    """64 water molecules from a simulation at 300 K."""
    with lzma.open(WATER, "rt") as stream:
        atoms = ase.io.read(io.StringIO(stream.read()), 0, format="extxyz")
    return Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)


def water(n_atoms: int, seed: int = 0) -> Atoms:
    """Liquid water in a cube of 192 k^3 atoms; copies of the small box, displaced by 0.02 angstrom."""
    copies = round((n_atoms / 192) ** (1 / 3))
    if n_atoms != 192 * copies**3:
        raise ValueError(f"water has 192 k^3 atoms: {192 * max(copies, 1) ** 3}, not {n_atoms}")
    atoms = liquid()
    if copies > 1:
        atoms = atoms.repeat(copies)
        atoms.positions += np.random.default_rng(seed).normal(0.0, 0.02, atoms.positions.shape)
    return atoms


def copper(n_atoms: int, seed: int = 0) -> Atoms:
    """Fcc copper of 4 k^3 atoms with thermal displacements of 0.05 angstrom."""
    cells = round((n_atoms / 4) ** (1 / 3))
    if n_atoms != 4 * cells**3:
        raise ValueError(f"copper has 4 k^3 atoms: {4 * max(cells, 1) ** 3}, not {n_atoms}")
    atoms = ase.build.bulk("Cu", "fcc", a=LATTICE, cubic=True).repeat(cells)
    atoms.positions += np.random.default_rng(seed).normal(0.0, 0.05, atoms.positions.shape)
    return atoms


def droplet(n_atoms: int, seed: int = 0) -> Atoms:
    """The first atoms (oxygen, hydrogen, hydrogen, ...) of the molecules nearest to one, in vacuum."""
    atoms = liquid()
    oxygen = np.arange(0, len(atoms), 3)
    if n_atoms > len(atoms):
        raise ValueError(f"a droplet has at most {len(atoms)} atoms, not {n_atoms}")
    order = oxygen[np.argsort(atoms.get_distances(0, oxygen, mic=True))]
    kept = (order[:, None] + np.arange(3)).flatten()[:n_atoms]
    vectors = atoms.get_distances(0, kept, mic=True, vector=True)
    positions = vectors + np.random.default_rng(seed).normal(0.0, 0.01, (n_atoms, 3))
    return Atoms(atoms.symbols[kept], positions=positions)


def molecule() -> Atoms:
    """A drug-like molecule of 27 atoms, 3-(benzyloxy)pyridin-2-amine, from ideal bond lengths and angles."""
    turn = np.exp(1j * np.pi / 3 * np.arange(6))  # corners of a hexagon
    atoms: list[tuple[str, complex, float]] = []  # symbol, place in the plane of the first ring, height
    first = ["N", "C", "C", "C", "C", "C"]
    atoms += [(symbol, 1.39 * corner, 0.0) for symbol, corner in zip(first, turn, strict=True)]
    atoms += [("H", 2.48 * turn[k], 0.0) for k in (3, 4, 5)]
    amine = 2.75 * turn[1]
    atoms += [("N", amine, 0.0), ("H", amine + 1.01 * turn[0], 0.1), ("H", amine + 1.01 * turn[2], 0.1)]
    oxygen = 2.75 * turn[2]
    bridge = oxygen + 1.43 * turn[3]
    atoms += [("O", oxygen, 0.0), ("C", bridge, 0.0), ("H", bridge - 0.6j, 0.89), ("H", bridge - 0.6j, -0.89)]
    centre = bridge + (1.51 + 1.39) * turn[2]
    tilted = [(np.real(c) * turn[2], np.imag(c)) for c in turn]  # the second ring stands on the plane of the first
    atoms += [("C", centre + 1.39 * along, 1.39 * height) for along, height in tilted]
    atoms += [("H", centre + 2.48 * along, 2.48 * height) for k, (along, height) in enumerate(tilted) if k != 3]
    return Atoms([a[0] for a in atoms], positions=[(a[1].real, a[1].imag, a[2]) for a in atoms])
