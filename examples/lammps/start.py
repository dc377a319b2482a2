# SPDX-License-Identifier: MIT
"""Writes the structures that the decks read: liquid water, a water slab in vacuum, and the slab with argon above it."""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from mlipkit.interfaces.lammps import write_data

WATER = Path(__file__).resolve().parent.parent / "water" / "water_64.extxyz.xz"
VACUUM = 12.0  # angstrom, above and below the slab
ARGON = 8


def liquid() -> Atoms:
    """The first frame of 64 molecules, O H H each, with the molecules whole and their oxygen atoms inside the box."""
    with lzma.open(WATER, "rt") as stream:
        atoms = ase.io.read(io.StringIO(stream.read()), 0, format="extxyz")
    lengths = atoms.cell.lengths()
    molecules = atoms.positions.reshape(-1, 3, 3)
    oxygen = molecules[:, :1]
    bonds = molecules - oxygen
    whole = oxygen % lengths + bonds - lengths * np.round(bonds / lengths)
    return Atoms(atoms.symbols, whole.reshape(-1, 3), cell=atoms.cell, pbc=True)


def slab(water: Atoms) -> Atoms:
    """The same molecules, no longer periodic along z."""
    return Atoms(water.symbols, water.positions, cell=water.cell, pbc=[True, True, False])


def argon_above(water: Atoms) -> Atoms:
    """A layer of argon atoms 5 angstrom above the uppermost atom."""
    side = int(np.ceil(np.sqrt(ARGON)))
    places = [(i, j) for i in range(side) for j in range(side)][:ARGON]
    z = water.positions[:, 2].max() + 5.0
    positions = [[(i + 0.5) / side * water.cell[0, 0], (j + 0.5) / side * water.cell[1, 1], z] for i, j in places]
    return water + Atoms(f"Ar{ARGON}", positions)


if __name__ == "__main__":
    bulk = liquid()
    write_data("water.data", bulk, ["H", "O"])
    write_data("slab.data", slab(bulk), ["H", "O"], margin=VACUUM)
    write_data("argon.data", argon_above(slab(bulk)), ["H", "O", "Ar"], margin=VACUUM)
