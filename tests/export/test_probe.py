# SPDX-License-Identifier: MIT
"""Geometries of the probe, and the numbers in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii

from mlipkit.export import read_manifest, read_probe
from mlipkit.export.manifest import Condition
from mlipkit.export.probe import Probe, ProbeStructure, make_probe

CHARGE = {"total_charge": Condition(required=False, range=(-2, 3), default={"a": 0, "b": 1})}


def distances(structure: ProbeStructure) -> np.ndarray:
    atoms = Atoms(structure.species, positions=structure.positions, cell=structure.cell, pbc=structure.pbc)
    return atoms.get_all_distances(mic=True)[np.triu_indices(len(atoms), 1)]


@pytest.mark.parametrize("n_species", [1, 2, 7, 89])
def test_covers_every_species_and_task(n_species: int) -> None:
    species = chemical_symbols[1 : n_species + 1]
    probe = make_probe(species, 6.0, ["a", "b"], CHARGE)
    for task in ("a", "b"):
        mine = [s for s in probe.structures if s.task == task]
        alone = {s.species[0] for s in mine if len(set(s.species)) == 1 and not any(s.pbc)}
        mixed = {symbol for s in mine if len(set(s.species)) > 1 for symbol in s.species}
        assert alone == set(species)
        assert mixed == (set(species) if n_species > 1 else set())
        assert sum(all(s.pbc) for s in mine) == 1


@pytest.mark.parametrize("cutoff", [2.0, 4.0, 6.0])
def test_atoms_are_bonded_and_not_on_top_of_each_other(cutoff: float) -> None:
    for structure in make_probe(["H", "O", "Cs", "U"], cutoff, ["a"], {}).structures:
        found = distances(structure)
        smallest = 0.96 * min(2 * covalent_radii[1], 0.6 * cutoff)
        assert found.min() > smallest
        nearest = Atoms(structure.species, structure.positions, cell=structure.cell, pbc=structure.pbc)
        matrix = nearest.get_all_distances(mic=True) + 100 * np.eye(len(nearest))
        assert (matrix.min(axis=1) < 0.95 * cutoff).all(), "every atom must have a neighbour"


def test_is_deterministic() -> None:
    assert make_probe(["O", "H"], 4.0, ["a"], CHARGE).dumps() == make_probe(["O", "H"], 4.0, ["a"], CHARGE).dumps()


def test_conditions_go_through_defaults_and_range_ends() -> None:
    probe = make_probe(["H", "C", "N", "O"], 4.0, ["a", "b"], CHARGE)
    for task, default in (("a", 0), ("b", 1)):
        assert {s.conditions["total_charge"] for s in probe.structures if s.task == task} == {default, -2, 3}


def test_required_condition_without_default_uses_range_ends() -> None:
    spin = {"spin_multiplicity": Condition(required=True, range=(1, 5), default={})}
    probe = make_probe(["H", "O"], 4.0, ["a"], spin)
    assert {s.conditions["spin_multiplicity"] for s in probe.structures} == {1, 5}


def test_reference_numbers_obey_physics(vector_artifact: Path) -> None:
    probe: Probe = read_probe(vector_artifact)
    assert probe.largest_force() > 0.5
    for structure in probe.structures:
        forces = np.array(structure.forces)
        assert np.abs(forces.sum(axis=0)).max() < 1e-10
        assert np.abs(forces).max() > 1e-3, "no force may vanish by symmetry"
        assert abs(structure.energy) < 1000, "E0 must not be in the probe"
        if not any(structure.pbc):
            torque = np.cross(np.array(structure.positions), forces).sum(axis=0)
            assert np.abs(torque).max() < 1e-10
            # Without a cell the virial is the sum of r_i (x) F_i over atoms.
            virial = np.array(structure.positions).T @ forces
            expected = [virial[a, b] for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
            np.testing.assert_allclose(structure.virial, expected, atol=1e-10)


def test_probe_of_an_artifact_belongs_to_its_manifest(two_task_artifact: Path) -> None:
    manifest, probe = read_manifest(two_task_artifact), read_probe(two_task_artifact)
    assert {s.task for s in probe.structures} == {task.name for task in manifest.tasks}
    for structure in probe.structures:
        assert set(structure.conditions) == set(manifest.conditions)
        assert set(structure.species) <= set(manifest.species)
