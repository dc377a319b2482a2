# SPDX-License-Identifier: MIT
"""Bad input to the calculator: one message that says what, where and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from mlipkit import MLIPCalculator
from mlipkit.export import ArtifactError
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status


def test_elements_that_the_model_lacks_are_named(water_artifact: Path) -> None:
    atoms = Atoms("NaClHO", np.diag([1.0, 2.0, 3.0, 4.0])[:, :3], calculator=MLIPCalculator(water_artifact))
    with pytest.raises(ValueError, match=r"Cl, Na.*H, O"):
        atoms.get_potential_energy()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_must_be_numbers(water_artifact: Path, value: float) -> None:
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, value]], calculator=MLIPCalculator(water_artifact))
    with pytest.raises(EngineError, match="atom 1") as caught:
        atoms.get_forces()
    assert caught.value.status == Status.NUMERIC


def test_unknown_precision_names_the_offered_ones(water_artifact: Path) -> None:
    with pytest.raises(EngineError, match=r"precision 'singel'.*single.*double"):
        MLIPCalculator(water_artifact, precision="singel")


def test_unknown_device(water_artifact: Path) -> None:
    with pytest.raises(EngineError, match=r"device 'gpu'.*cuda"):
        MLIPCalculator(water_artifact, device="gpu")


def test_missing_artifact() -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        MLIPCalculator("nowhere.pt")


def test_periodic_atoms_without_a_cell(water_artifact: Path) -> None:
    atoms = Atoms("H", pbc=True, calculator=MLIPCalculator(water_artifact))
    with pytest.raises(EngineError, match="cell"):
        atoms.get_potential_energy()


def test_broken_structure_leaves_no_results(water_artifact: Path) -> None:
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.8]], calculator=MLIPCalculator(water_artifact))
    energy = atoms.get_potential_energy()
    atoms.positions[1, 2] = np.nan
    with pytest.raises(EngineError):
        atoms.get_potential_energy()
    atoms.positions[1, 2] = 0.8
    assert atoms.get_potential_energy() == energy


def test_atoms_at_the_same_place(water_artifact: Path) -> None:
    atoms = Atoms("OHH", [[0, 0, 0], [0, 0, 1], [5, 0, 1]], cell=[5, 9, 9], pbc=True)
    atoms.calc = MLIPCalculator(water_artifact)
    with pytest.raises(EngineError, match=r"atoms 1 and 2 are at the same place.*remove one or move them apart"):
        atoms.get_forces()


def test_cell_so_flat_that_atoms_meet_their_images(water_artifact: Path) -> None:
    atoms = Atoms("O", cell=[[5, 0, 0], [0, 5, 0], [5, 5, 0]], pbc=True, calculator=MLIPCalculator(water_artifact))
    with pytest.raises(EngineError, match="linearly dependent"):
        atoms.get_potential_energy()


def test_species_are_refused_in_the_same_words_everywhere(water_artifact: Path) -> None:
    with pytest.raises(EngineError, match=r"the model does not know species 'Na'.*; it knows H, O"):
        Engine(water_artifact, species=["Na"])
    atoms = Atoms("Na", calculator=MLIPCalculator(water_artifact))
    with pytest.raises(ValueError, match="does not know species Na; it knows H, O"):
        atoms.get_potential_energy()
