# SPDX-License-Identifier: MIT
"""Tasks, total charge, spin and named outputs through model, manifest, engine and calculator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import Checkpoint
from mlipkit.interfaces.errors import EngineError


@pytest.fixture
def carbonic() -> Atoms:
    return Atoms("COOHH", [[0, 0, 0], [1.2, 0.1, 0], [-0.6, 1.1, 0.2], [-0.7, -0.9, 0.3], [0.2, 1.7, -0.5]])


def answer(artifact: Path, atoms: Atoms, **options: Any) -> tuple[float, np.ndarray]:
    atoms = atoms.copy()
    atoms.calc = MLIPCalculator(artifact, precision="double", **options)
    return atoms.get_potential_energy(), atoms.get_forces()


@pytest.mark.parametrize(("task", "charge", "spin"), [(0, 0, 1), (0, -2, 5), (1, 0, 3), (1, 1, 2)])
def test_agrees_with_the_plain_model(
    two_task_checkpoint: Checkpoint,
    two_task_artifact: Path,
    carbonic: Atoms,
    reference,
    task: int,
    charge: int,
    spin: int,
) -> None:
    expected_energy, expected = reference(
        two_task_checkpoint, carbonic, task=task, total_charge=charge, spin_multiplicity=spin
    )
    name = two_task_checkpoint.tasks[task].name
    carbonic.calc = MLIPCalculator(
        two_task_artifact, precision="double", task=name, total_charge=charge, spin_multiplicity=spin
    )
    assert carbonic.get_potential_energy() == pytest.approx(expected_energy, abs=1e-9)
    np.testing.assert_allclose(carbonic.get_forces(), expected.forces.numpy(), rtol=0, atol=1e-10)
    for output, width in (("charges", 1), ("moments", 2)):
        values = carbonic.calc.results[output]
        assert values.shape == ((5,) if width == 1 else (5, width))
        np.testing.assert_allclose(values.reshape(5, width), expected.outputs[output].numpy(), rtol=0, atol=1e-10)


def test_tasks_differ_by_reference_energies_and_by_the_readout(
    two_task_checkpoint: Checkpoint, two_task_artifact: Path, carbonic: Atoms
) -> None:
    energies, forces = zip(
        *(answer(two_task_artifact, carbonic, task=t, spin_multiplicity=1) for t in ("pbe", "hybrid")), strict=True
    )
    e0 = [sum(task.e0[symbol] for symbol in carbonic.symbols) for task in two_task_checkpoint.tasks]
    difference = (energies[0] - e0[0]) - (energies[1] - e0[1])
    assert abs(e0[0] - e0[1]) > 1
    assert 1e-3 < abs(difference) < 100
    assert np.abs(forces[0] - forces[1]).max() > 1e-3


def test_several_tasks_must_be_chosen_from(two_task_artifact: Path) -> None:
    for task in (None, "pbf"):
        with pytest.raises(EngineError, match=r"pbe.*hybrid"):
            MLIPCalculator(two_task_artifact, task=task)


def test_charge_and_spin_change_the_energy(two_task_artifact: Path, carbonic: Atoms) -> None:
    energies = [
        answer(two_task_artifact, carbonic, task="pbe", total_charge=charge, spin_multiplicity=spin)[0]
        for charge, spin in ((0, 1), (1, 2), (-1, 2), (0, 3))
    ]
    assert np.abs(np.subtract.outer(energies, energies) + np.eye(4)).min() > 1e-3


def test_defaults_of_the_task_are_used(two_task_artifact: Path, carbonic: Atoms) -> None:
    assert (
        answer(two_task_artifact, carbonic, task="pbe")[0]
        == answer(two_task_artifact, carbonic, task="pbe", total_charge=0, spin_multiplicity=1)[0]
    )


def test_required_condition_must_be_given(two_task_artifact: Path, carbonic: Atoms) -> None:
    with pytest.raises(EngineError, match=r"spin_multiplicity.*no default"):
        answer(two_task_artifact, carbonic, task="hybrid")


def test_value_outside_the_range(two_task_artifact: Path, carbonic: Atoms) -> None:
    with pytest.raises(EngineError, match=r"total_charge = 3.*-2 to 2"):
        answer(two_task_artifact, carbonic, task="pbe", total_charge=3)


def test_unused_condition_is_an_error(water_artifact: Path) -> None:
    with pytest.raises(EngineError, match="takes no conditions"):
        MLIPCalculator(water_artifact, total_charge=1)
    atoms = Atoms("H", calculator=MLIPCalculator(water_artifact))
    atoms.info["total_charge"] = 1
    with pytest.raises(EngineError, match="takes no conditions"):
        atoms.get_potential_energy()


def test_info_of_the_atoms_wins_and_is_watched(two_task_artifact: Path, carbonic: Atoms) -> None:
    expected = {
        charge: answer(two_task_artifact, carbonic, task="pbe", total_charge=charge)[0] for charge in (-2, 0, 2)
    }
    carbonic.calc = MLIPCalculator(two_task_artifact, precision="double", task="pbe", total_charge=-2)
    assert carbonic.get_potential_energy() == expected[-2]
    for charge in (2, 0):
        carbonic.info["total_charge"] = charge
        assert carbonic.get_potential_energy() == expected[charge]
    del carbonic.info["total_charge"]
    assert carbonic.get_potential_energy() == expected[-2]
