# SPDX-License-Identifier: MIT
"""A model of many elements is opened for those that are met, and gives the same numbers in whatever order they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import chemical_symbols

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import Checkpoint, Task
from mlipkit.export import export
from random_models import random_checkpoint

SPECIES = chemical_symbols[1:15]


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    config = {"species": SPECIES, "cutoff": 4.0, "channels": 2, "hidden_l_max": 0, "l_max": 1, "correlation": 2}
    config |= {"avg_num_neighbours": 40.0, "total_charge_range": [-1, 1]}
    e0 = {symbol: -10.0 * k for k, symbol in enumerate(SPECIES)}
    return random_checkpoint(config, [Task("default", "random numbers", e0)], seed=5)


@pytest.fixture(scope="module")
def artifact(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "model.pt"
    export(checkpoint, path, precisions=["double"])
    return path


def test_elements_are_added_as_they_come(checkpoint: Checkpoint, artifact: Path, reference) -> None:
    calculator = MLIPCalculator(artifact, total_charge=1)
    assert calculator.description.species == ["H"]
    water = Atoms("OHH", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    silica = Atoms("SiOHNa", [[0, 0, 0], [1.6, 0, 0.1], [-0.5, 1.4, 0], [0.3, -0.6, 2.5]])
    for atoms, opened in ((water, 2), (silica, 4), (water, 4)):
        energy, expected = reference(checkpoint, atoms, total_charge=1)
        atoms.calc = calculator
        calculator.reset()
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-10 * abs(energy))
        np.testing.assert_allclose(atoms.get_forces(), expected.forces.numpy(), rtol=0, atol=1e-10)
        assert len(calculator.description.species) == opened
