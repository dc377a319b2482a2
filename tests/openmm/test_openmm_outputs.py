# SPDX-License-Identifier: MIT
"""`MLIPForce.getOutput`: what ASE gives, for the positions that the Context has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openmm
import pytest
from ase import Atoms
from openmm_systems import PLATFORMS, make_context, make_force, make_system

from mlipkit import MLIPCalculator
from mlipkit.openmm import MLIPForce

ATOL = 1e-9


def expected(artifact: Path, atoms: Atoms) -> dict[str, np.ndarray]:
    calculator = MLIPCalculator(artifact, precision="double")
    calculator.calculate(atoms)
    return {name: np.asarray(calculator.results[name]) for name in calculator.description.outputs}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", ["bulk_water", "triclinic", "molecule", "isolated_atom"])
def test_outputs_are_those_of_ase(ensemble_artifact: Path, cases: dict[str, Atoms], name: str, platform: str) -> None:
    atoms = cases[name]
    force = make_force(ensemble_artifact, atoms)
    context = make_context(make_system(atoms, force), atoms, platform)
    wanted = expected(ensemble_artifact, atoms)
    assert set(wanted) == {"energy_deviations", "force_sigma", "energy_sigma", "force_sigma_max"}
    for output, values in wanted.items():
        found = force.getOutput(context, output)
        assert found.shape == values.shape, output
        np.testing.assert_allclose(found, values, rtol=0, atol=ATOL, err_msg=output)


def test_outputs_follow_the_positions_and_leave_the_dynamics_alone(
    ensemble_artifact: Path, cases: dict[str, Atoms]
) -> None:
    atoms = cases["bulk_water"]
    force = make_force(ensemble_artifact, atoms)
    asked, quiet = (
        make_context(make_system(atoms, one), atoms) for one in (force, make_force(ensemble_artifact, atoms))
    )
    for context in (asked, quiet):
        context.setVelocitiesToTemperature(300, 1)
    for _ in range(3):
        for context in (asked, quiet):
            context.getIntegrator().step(2)
        found = force.getOutput(asked, "energy_sigma")
        positions = [context.getState(positions=True).getPositions(asNumpy=True)._value for context in (asked, quiet)]
        np.testing.assert_array_equal(*positions)
        moved = atoms.copy()
        moved.positions = 10 * positions[0]
        np.testing.assert_allclose(found, expected(ensemble_artifact, moved)["energy_sigma"], rtol=0, atol=ATOL)


def test_force_as_the_system_returns_it(ensemble_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["molecule"]
    system = make_system(atoms, make_force(ensemble_artifact, atoms))
    context = make_context(system, atoms)
    found = MLIPForce.cast(system.getForce(0)).getOutput(context, "force_sigma")
    np.testing.assert_allclose(found, expected(ensemble_artifact, atoms)["force_sigma"], rtol=0, atol=ATOL)


def test_mistakes(ensemble_artifact: Path, water_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["molecule"]
    force, other = make_force(ensemble_artifact, atoms), make_force(water_artifact, atoms)
    context, second = (make_context(make_system(atoms, one), atoms) for one in (force, other))
    with pytest.raises(
        openmm.OpenMMException, match=r"no output 'force_sigm' \(did you mean 'force_sigma'\?\); it has"
    ):
        force.getOutput(context, "force_sigm")
    with pytest.raises(openmm.OpenMMException, match="it has none besides the energy"):
        other.getOutput(second, "force_sigma")
    with pytest.raises(openmm.OpenMMException):
        force.getOutput(second, "force_sigma")
    np.testing.assert_array_less(0.0, force.getOutput(context, "force_sigma"))  # still usable
