# SPDX-License-Identifier: MIT
"""Small structures with random labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from mlipkit.data.structure import Structure

Reader = Callable[..., list[Structure]]


def labelled(seed: int = 0, symbols: str = "OHH", cell: float | None = 6.0, config_type: str = "liquid") -> Atoms:
    """Atoms at random places with random labels in eV and angstrom; the stress is in ASE's order and sign."""
    random = np.random.default_rng(seed)
    atoms = Atoms(symbols, pbc=cell is not None)
    if cell is not None:
        atoms.set_cell([[cell, 0, 0], [1.0, cell, 0], [0.5, -1.0, cell]])
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)[: len(atoms)]
    atoms.positions = 1.7 * grid + random.uniform(-0.3, 0.3, (len(atoms), 3))
    results = {"energy": -10.0 * len(atoms) + random.normal(), "forces": random.normal(size=(len(atoms), 3))}
    if cell is not None:
        results["stress"] = 0.01 * random.normal(size=6)
    atoms.calc = SinglePointCalculator(atoms, **results)
    atoms.info["config_type"] = config_type
    return atoms
