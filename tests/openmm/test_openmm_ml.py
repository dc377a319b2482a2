# SPDX-License-Identifier: MIT
"""The potential "mlipkit" of the package openmm-ml, found by its entry point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mixed_systems import dipeptide, dipeptide_in_water, evaluate, solvated
from openmm import app

from mlipkit.openmm import createMixedSystem, createSystem

MLPotential = pytest.importorskip("openmmml").MLPotential


def test_system_of_the_model_alone(organic_artifact: Path) -> None:
    topology, positions = solvated()
    potential = MLPotential("mlipkit", modelPath=organic_artifact)
    found = evaluate(potential.createSystem(topology, precision="double"), positions)
    expected = evaluate(createSystem(topology, organic_artifact, precision="double"), positions)
    assert found.total == pytest.approx(expected.total, rel=1e-12)
    np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=1e-9)


@pytest.mark.parametrize("interpolate", [False, True])
def test_mixed_system_is_ours(organic_artifact: Path, interpolate: bool) -> None:
    mixture = dipeptide_in_water(app.CutoffPeriodic)
    potential = MLPotential("mlipkit", modelPath=organic_artifact)
    args = (mixture.topology, mixture.system, mixture.atoms)
    options = {"interpolate": interpolate, "precision": "double"}
    parameters = {"lambda_interpolate": 0.3} if interpolate else {}
    found, expected = (
        evaluate(system, mixture.positions, **parameters)
        for system in (
            potential.createMixedSystem(*args, **options),
            createMixedSystem(*args, organic_artifact, **options),
        )
    )
    assert found.energies == pytest.approx(expected.energies, rel=1e-12)
    np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=1e-9)


def test_mistakes(organic_artifact: Path) -> None:
    with pytest.raises(ValueError, match="needs the artifact: modelPath="):
        MLPotential("mlipkit")
    with pytest.raises(ValueError, match="takes modelPath alone, not precision"):
        MLPotential("mlipkit", modelPath=organic_artifact, precision="double")
    mixture = dipeptide()
    with pytest.raises(ValueError, match="bound to atom 4"):
        MLPotential("mlipkit", modelPath=organic_artifact).createMixedSystem(
            mixture.topology, mixture.system, range(6, 22)
        )
