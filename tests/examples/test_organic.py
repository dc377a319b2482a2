# SPDX-License-Identifier: MIT
"""The molecules of examples/organic: labels, starting structures, force field and the bundled model."""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import ase.io
import numpy as np
import openmm
import pytest
from ase import Atoms
from openmm import app, unit

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import load_checkpoint
from mlipkit.export import export

ORGANIC = Path(__file__).parents[2] / "examples" / "organic"
MOLECULES = {"alanine_dipeptide": (), "paracetamol": (ORGANIC / "paracetamol.xml",)}  # force fields beside Amber's


def frames(name: str) -> list[Atoms]:
    with lzma.open(ORGANIC / f"{name}.extxyz.xz", "rt") as stream:
        found: list[Atoms] = ase.io.read(io.StringIO(stream.read()), ":", format="extxyz")
    return found


@pytest.fixture(scope="module")
def training() -> list[Atoms]:
    return frames("organic")


@pytest.fixture(scope="module")
def held_out() -> list[Atoms]:
    return frames("organic_test")


@pytest.fixture(scope="module")
def calculator(tmp_path_factory: pytest.TempPathFactory) -> MLIPCalculator:
    path = tmp_path_factory.mktemp("organic") / "organic.pt"
    export(load_checkpoint(ORGANIC / "organic.ckpt"), path)
    return MLIPCalculator(path, precision="double")


def test_every_frame_is_a_molecule_at_rest_as_a_whole(training: list[Atoms], held_out: list[Atoms]) -> None:
    for atoms in training + held_out:
        assert set(atoms.symbols) <= set("HCNO")
        assert not atoms.pbc.any()
        assert abs(atoms.get_forces().sum(axis=0)).max() < 1e-4 * len(atoms)  # printed digits
        assert atoms.get_all_distances()[np.triu_indices(len(atoms), 1)].min() > 0.7


def test_test_frames_come_from_trajectories_of_their_own(training: list[Atoms], held_out: list[Atoms]) -> None:
    assert not {a.info["trajectory"] for a in training} & {a.info["trajectory"] for a in held_out}


@pytest.mark.parametrize("molecule", MOLECULES)
def test_a_label_is_what_gfn2_xtb_gives(molecule: str, training: list[Atoms]) -> None:
    tblite = pytest.importorskip("tblite.ase")
    kind = ("rattled", molecule)
    frame = next(a for a in training if (a.info["config_type"], a.info["molecule"]) == kind)
    again = Atoms(frame.symbols, positions=frame.positions)
    again.calc = tblite.TBLite(method="GFN2-xTB", accuracy=0.01, verbosity=0)
    assert again.get_potential_energy() == pytest.approx(frame.get_potential_energy(), abs=1e-5)
    assert again.get_forces() == pytest.approx(frame.get_forces(), abs=2e-4)


@pytest.mark.parametrize("molecule", MOLECULES)
def test_structures_have_the_atoms_of_the_data_and_a_force_field(molecule: str, training: list[Atoms]) -> None:
    pdb = app.PDBFile(str(ORGANIC / f"{molecule}.pdb"))
    minimum = next(a for a in training if (a.info["config_type"], a.info["molecule"]) == ("minimum", molecule))
    assert [atom.element.symbol for atom in pdb.topology.atoms()] == list(minimum.symbols)
    positions = pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    assert positions == pytest.approx(minimum.positions, abs=6e-4)
    field = app.ForceField("amber14-all.xml", *map(str, MOLECULES[molecule]))
    system = field.createSystem(pdb.topology)
    pairs = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    charges = [pairs.getParticleParameters(i)[0].value_in_unit(unit.elementary_charge) for i in range(len(minimum))]
    assert sum(charges) == pytest.approx(0, abs=1e-6)


def test_the_model_has_the_force_errors_that_the_readme_states(
    held_out: list[Atoms], calculator: MLIPCalculator
) -> None:
    errors: dict[int, list[np.ndarray]] = {300: [], 500: []}
    for atoms in held_out:
        if atoms.info["config_type"] == "test_md":
            errors[atoms.info["temperature"]].append(calculator.get_forces(atoms) - atoms.get_forces())
    found = {t: 1000 * np.sqrt(np.mean(np.concatenate(rows) ** 2)) for t, rows in errors.items()}  # meV/A
    assert found == pytest.approx({300: 34.5, 500: 42.1}, rel=0.02)


def test_the_model_has_the_profile_errors_that_the_readme_states(
    held_out: list[Atoms], calculator: MLIPCalculator
) -> None:
    errors: dict[str, list[float]] = {}
    for atoms in held_out:
        if atoms.info["config_type"] == "test_scan":
            error = calculator.get_potential_energy(atoms) - atoms.get_potential_energy()
            errors.setdefault(atoms.info["trajectory"], []).append(1000 * error)  # meV
    found = {name: np.std(rows) for name, rows in errors.items()}
    expected = {"alanine_dipeptide_phi": 46.2, "alanine_dipeptide_psi": 15.3, "paracetamol_aryl": 10.3}
    assert found == pytest.approx(expected, rel=0.02)
