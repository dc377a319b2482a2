# SPDX-License-Identifier: MIT
"""What a structure should give: the ASE calculator, and for virials without a volume the engine behind it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from decks import Snapshot, State

from mlipkit import MLIPCalculator
from mlipkit.interfaces.engine import Engine


def ase_state(artifact: Path, atoms: Atoms, task: str | None = None, **conditions: float) -> State:
    """Energy, forces and per-atom energies as the ASE calculator gives them, in double precision; eV and angstrom."""
    structure = atoms.copy()
    structure.calc = MLIPCalculator(artifact, precision="double", task=task, **conditions)
    engine = Engine(artifact, precision="double", task=task)
    for name, value in conditions.items():
        engine.set_condition(name, value)
    known = engine.describe().species
    species = [known.index(symbol) for symbol in atoms.get_chemical_symbols()]
    result = engine.compute(species, atoms.positions, atoms.cell.array, atoms.pbc, virials=True)
    assert result.virials is not None
    if atoms.pbc.all():
        stress = structure.get_stress(voigt=True)[[0, 1, 2, 5, 4, 3]]
        np.testing.assert_allclose(-stress * atoms.get_volume(), result.virial, rtol=0, atol=1e-10)
    return State(
        energy=structure.get_potential_energy(),
        forces=structure.get_forces(),
        virial=result.virial,
        energies=structure.get_potential_energies(),
        virials=result.virials,
    )


def assert_snapshot_is_what_ase_gives(found: Snapshot, artifact: Path) -> None:
    """Energy to 1e-9 of its size, forces to 1e-8 eV/angstrom, virial to 1e-7 eV."""
    expected = ase_state(artifact, found.atoms)
    assert abs(found.energy - expected.energy) < 1e-9 * abs(expected.energy)
    np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.virial, expected.virial, rtol=0, atol=1e-7)
