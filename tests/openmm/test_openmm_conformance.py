# SPDX-License-Identifier: MIT
"""ASE = OpenMM on the conformance cases: both platforms, all precisions, both models, tasks and conditions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.cell import Cell
from openmm_systems import (
    PLATFORMS,
    State,
    ase_state,
    assert_same,
    boxed,
    make_context,
    make_force,
    make_system,
    openmm_state,
    state_of,
)

from mlipkit import MLIPCalculator
from tolerances import DIFFERENCE_STEP, DIFFERENCE_TOLERANCE, TOLERANCES

NAMES = ["bulk_water", "triclinic", "two_atom_cell", "slab", "wire", "molecule", "isolated_atom", "corner"]
MODELS = ["0e", "0e+1o"]
CUTOFF = 4.0  # angstrom, of both models


@pytest.fixture(scope="module")
def artifacts(water_artifact: Path, vector_artifact: Path) -> dict[str, Path]:
    return {"0e": water_artifact, "0e+1o": vector_artifact}


@pytest.fixture(scope="module")
def expected(artifacts: dict[str, Path], cases: dict[str, Atoms]) -> dict[tuple[str, str], State]:
    """By model and case, from the ASE calculator in double precision, partial periodicity as it is."""
    return {(model, name): ase_state(path, cases[name]) for model, path in artifacts.items() for name in NAMES}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", NAMES)
def test_openmm_gives_what_ase_gives(
    artifacts: dict[str, Path],
    cases: dict[str, Atoms],
    expected: dict[tuple[str, str], State],
    name: str,
    model: str,
    platform: str,
) -> None:
    atoms = boxed(cases[name], CUTOFF)
    assert_same(openmm_state(artifacts[model], atoms, platform), expected[model, name])


@pytest.mark.parametrize("precision", ["single", "mixed"])
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("model", MODELS)
def test_lower_precisions(
    artifacts: dict[str, Path],
    cases: dict[str, Atoms],
    expected: dict[tuple[str, str], State],
    model: str,
    platform: str,
    precision: str,
) -> None:
    allowed = TOLERANCES[precision]
    for name in NAMES:
        atoms = boxed(cases[name], CUTOFF)
        found, reference = openmm_state(artifacts[model], atoms, platform, precision=precision), expected[model, name]
        assert abs(found.energy - reference.energy) <= allowed.energy * len(atoms), name
        np.testing.assert_allclose(found.forces, reference.forces, rtol=0, atol=allowed.force, err_msg=name)
        if name != "isolated_atom":  # the precision that was asked for is the one that runs
            assert np.abs(found.forces - reference.forces).max() > 1e-10, name


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    "options",
    [
        {"task": "pbe"},
        {"task": "pbe", "total_charge": 1.0, "spin_multiplicity": 2.0},
        {"task": "hybrid", "spin_multiplicity": 3.0},
        {"task": "hybrid", "total_charge": -1.0, "spin_multiplicity": 2.0},
    ],
    ids=lambda options: "-".join(str(value) for value in options.values()),
)
def test_tasks_and_conditions(
    two_task_artifact: Path, cases: dict[str, Atoms], platform: str, options: dict[str, float | str]
) -> None:
    atoms = cases["triclinic"]
    reference = ase_state(two_task_artifact, atoms, **options)
    assert_same(openmm_state(two_task_artifact, atoms, platform, **options), reference)
    neutral = ase_state(two_task_artifact, atoms, task="pbe")
    assert (abs(neutral.energy - reference.energy) > 1e-3) == (options != {"task": "pbe"})


@pytest.mark.parametrize("model", MODELS)
def test_same_lattice_by_other_vectors(artifacts: dict[str, Path], cases: dict[str, Atoms], model: str) -> None:
    """OpenMM wants reduced vectors along the axes: a rotated cell of other vectors of the lattice, brought there."""
    atoms = cases["triclinic"].copy()
    atoms.set_cell(np.array([[1, 0, 0], [2, 1, 0], [-1, 3, 1]]) @ atoms.cell.array)
    atoms.rotate(40.0, (1.0, 2.0, -1.0), rotate_cell=True)
    reference = ase_state(artifacts[model], atoms)

    standard, rotation = atoms.cell.standard_form()
    a, b, c = standard.array
    c = c - b * round(c[1] / b[1])
    c = c - a * round(c[0] / a[0])
    b = b - a * round(b[0] / a[0])
    reduced = atoms.copy()
    reduced.set_cell(Cell([a, b, c]))
    reduced.positions = atoms.positions @ rotation.T
    found = openmm_state(artifacts[model], reduced)
    assert_same(State(found.energy, found.forces @ rotation), reference)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_positions_may_lie_in_any_image(water_artifact: Path, cases: dict[str, Atoms], platform: str) -> None:
    atoms = cases["triclinic"]
    moved = atoms.copy()
    moved.positions += np.random.default_rng(3).integers(-3, 4, (len(atoms), 3)) @ atoms.cell.array
    reference = openmm_state(water_artifact, atoms, platform)
    assert_same(openmm_state(water_artifact, moved, platform), reference, energy=1e-12, force=1e-11)


def test_energy_changes_with_the_box_as_the_stress_says(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    """Central differences over the six strains that keep the box vectors in OpenMM's form; stress from ASE."""
    atoms = cases["triclinic"].copy()
    atoms.calc = MLIPCalculator(water_artifact, precision="double")
    expected = atoms.get_stress(voigt=False) * atoms.get_volume()
    context = make_context(make_system(atoms, make_force(water_artifact, atoms)), atoms)

    def energy(strain: np.ndarray) -> float:
        deformation = np.eye(3) + strain
        context.setPeriodicBoxVectors(*(atoms.cell.array @ deformation * 0.1))
        context.setPositions(atoms.positions @ deformation * 0.1)
        return state_of(context).energy

    for row, column in [(0, 0), (1, 1), (2, 2), (1, 0), (2, 0), (2, 1)]:
        strain = np.zeros((3, 3))
        strain[row, column] = DIFFERENCE_STEP
        slope = (energy(strain) - energy(-strain)) / (2 * DIFFERENCE_STEP)
        assert abs(slope - expected[row, column]) < DIFFERENCE_TOLERANCE * np.abs(expected).max(), (row, column)
