# SPDX-License-Identifier: MIT
"""The calculator gives what the plain model gives, and its forces and stress are derivatives of its energy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.optimize import BFGS

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import Checkpoint
from tolerances import DIFFERENCE_STEP, DIFFERENCE_TOLERANCE

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # of ASE


@pytest.fixture(scope="module", params=["water", "vector"])
def model(request: pytest.FixtureRequest) -> tuple[Checkpoint, MLIPCalculator]:
    checkpoint = request.getfixturevalue(f"{request.param}_checkpoint")
    return checkpoint, MLIPCalculator(request.getfixturevalue(f"{request.param}_artifact"), precision="double")


@pytest.fixture(scope="module")
def calculator(vector_artifact: Path) -> MLIPCalculator:
    return MLIPCalculator(vector_artifact, precision="double")


def test_agrees_with_the_plain_model(model: tuple[Checkpoint, MLIPCalculator], structure: Atoms, reference) -> None:
    checkpoint, structure.calc = model
    energy, expected = reference(checkpoint, structure)
    assert abs(structure.get_potential_energy() - energy) < 1e-10 * max(1.0, abs(energy))
    np.testing.assert_allclose(structure.get_forces(), expected.forces.numpy(), rtol=0, atol=1e-10)
    e0 = [checkpoint.tasks[0].e0[symbol] for symbol in structure.get_chemical_symbols()]
    energies = structure.get_potential_energies() - e0
    np.testing.assert_allclose(energies, expected.energies.numpy(), rtol=0, atol=1e-10 * 2000)
    if all(structure.pbc):
        stress = expected.stress[0].numpy()[[0, 1, 2, 5, 4, 3]]
        np.testing.assert_allclose(structure.get_stress(), stress, rtol=0, atol=1e-10)


def test_forces_are_derivatives_of_the_energy(calculator: MLIPCalculator, triclinic: Atoms) -> None:
    triclinic.calc = calculator
    forces = triclinic.get_forces()
    scale = np.abs(forces).max()
    for atom, axis in ((0, 0), (1, 1), (2, 2), (len(triclinic) - 1, 0)):
        energies = []
        for step in (DIFFERENCE_STEP, -DIFFERENCE_STEP):
            moved = triclinic.copy()
            moved.positions[atom, axis] += step
            moved.calc = calculator
            energies.append(moved.get_potential_energy())
        numeric = -(energies[0] - energies[1]) / (2 * DIFFERENCE_STEP)
        assert abs(numeric - forces[atom, axis]) < DIFFERENCE_TOLERANCE * scale


def test_stress_is_the_derivative_of_the_energy(calculator: MLIPCalculator, triclinic: Atoms) -> None:
    triclinic.calc = calculator
    stress = triclinic.get_stress()
    volume = triclinic.get_volume()
    for k, (a, b) in enumerate(VOIGT):
        energies = []
        for step in (DIFFERENCE_STEP, -DIFFERENCE_STEP):
            strain = np.eye(3)
            strain[a, b] += step / 2
            strain[b, a] += step / 2
            strained = triclinic.copy()
            strained.set_cell(triclinic.cell[:] @ strain, scale_atoms=True)
            strained.calc = calculator
            energies.append(strained.get_potential_energy())
        numeric = (energies[0] - energies[1]) / (2 * DIFFERENCE_STEP) / volume
        assert abs(numeric - stress[k]) < DIFFERENCE_TOLERANCE * np.abs(stress).max()


def test_per_atom_results_sum_to_totals(calculator: MLIPCalculator, triclinic: Atoms) -> None:
    triclinic.calc = calculator
    np.testing.assert_allclose(triclinic.get_stresses().sum(axis=0), triclinic.get_stress(), rtol=0, atol=1e-13)
    total = triclinic.get_potential_energy()
    assert triclinic.get_potential_energies().sum() == pytest.approx(total, rel=1e-14)
    assert triclinic.get_potential_energy(force_consistent=True) == total


def test_no_stress_without_three_periodic_directions(calculator: MLIPCalculator, open_structure: Atoms) -> None:
    open_structure.calc = calculator
    for ask in (open_structure.get_stress, open_structure.get_stresses):
        with pytest.raises(PropertyNotImplementedError, match="three periodic directions"):
            ask()
    assert np.isfinite(open_structure.get_forces()).all()


def test_skin_spares_rebuilds_and_changes_nothing(vector_artifact: Path, triclinic: Atoms) -> None:
    plain = MLIPCalculator(vector_artifact, precision="double", skin=0.0)
    patient = MLIPCalculator(vector_artifact, precision="double", skin=1.0)
    rng = np.random.default_rng(0)
    for _ in range(6):
        triclinic.positions += rng.uniform(-0.04, 0.04, triclinic.positions.shape)
        results = []
        for calc in (plain, patient):
            triclinic.calc = calc
            results.append((triclinic.get_potential_energy(), triclinic.get_forces(), triclinic.get_stress()))
        assert results[0][0] == pytest.approx(results[1][0], rel=1e-13)
        np.testing.assert_allclose(results[0][1], results[1][1], rtol=0, atol=1e-11)
        np.testing.assert_allclose(results[0][2], results[1][2], rtol=0, atol=1e-12)
    assert (plain.neighbours.builds, patient.neighbours.builds) == (6, 1)


def test_positions_are_not_wrapped(calculator: MLIPCalculator, triclinic: Atoms) -> None:
    triclinic.calc = calculator
    energy = triclinic.get_potential_energy()
    triclinic.positions[3] += 2 * triclinic.cell[0] - triclinic.cell[2]
    before = triclinic.positions.copy()
    assert triclinic.get_potential_energy() == pytest.approx(energy, rel=1e-13)
    np.testing.assert_array_equal(triclinic.positions, before)


@pytest.mark.parametrize(("precision", "tolerance"), [("single", 1e-3), ("mixed", 2e-4)])
def test_lower_precisions_stay_close(
    vector_artifact: Path, calculator: MLIPCalculator, triclinic: Atoms, precision: str, tolerance: float
) -> None:
    triclinic.calc = calculator
    exact = triclinic.get_forces()
    triclinic.calc = MLIPCalculator(vector_artifact, precision=precision)
    forces = triclinic.get_forces()
    assert 1e-9 < np.abs(forces - exact).max() < tolerance * np.abs(exact).max()


def test_works_in_an_optimiser(vector_artifact: Path) -> None:
    atoms = Atoms("OH", [[0, 0, 0], [0, 0, 1.1]], calculator=MLIPCalculator(vector_artifact))
    before = atoms.get_potential_energy()
    BFGS(atoms, logfile=None, maxstep=0.02).run(fmax=0.05, steps=5)
    assert atoms.get_potential_energy() < before


def test_different_structures_one_after_the_other(calculator: MLIPCalculator, triclinic: Atoms) -> None:
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.8]], calculator=calculator)
    first = atoms.get_potential_energy()
    triclinic.calc = calculator
    triclinic.get_potential_energy()
    assert atoms.get_potential_energy() == first


def test_energy_alone_as_long_as_nobody_wants_forces(vector_artifact: Path, triclinic: Atoms) -> None:
    calculator = MLIPCalculator(vector_artifact)
    atoms = triclinic.copy()
    atoms.calc = calculator
    energy = atoms.get_potential_energy()
    assert "forces" not in calculator.results
    forces, stress = atoms.get_forces(), atoms.get_stress()
    assert atoms.get_potential_energy() == energy
    atoms.rattle(0.01, seed=3)
    atoms.get_potential_energy()
    assert {"forces", "stress"} <= set(calculator.results)  # they will be asked for again
    np.testing.assert_array_equal(atoms.get_forces(), calculator.results["forces"])
    assert np.abs(atoms.get_forces() - forces).max() > 1e-6
    assert np.abs(atoms.get_stress() - stress).max() > 1e-9


def test_tables_are_a_choice(vector_artifact: Path, triclinic: Atoms) -> None:
    forces = []
    for tables in (None, False, True):
        atoms = triclinic.copy()
        atoms.calc = MLIPCalculator(vector_artifact, precision="double", tables=tables)
        assert atoms.calc.description.tabulated == bool(tables)
        forces.append(atoms.get_forces())
    np.testing.assert_array_equal(forces[1], forces[0])
    assert 0 < np.abs(forces[2] - forces[0]).max() < 1e-5
