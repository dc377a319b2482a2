# SPDX-License-Identifier: MIT
"""Options of the style and unit styles on two ranks, against the ASE calculator in double precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from decks import Setting, State, evaluate, mlip
from reference import ase_state

from tolerances import TOLERANCES

TASKS = {
    "defaults": "task pbe",
    "charged": "task pbe charge -1 spin 2",
    "other_task": "spin 4 task hybrid charge 1",
}
REAL = 23.060549  # kcal/mol per eV, the number that LAMMPS uses


@pytest.fixture(scope="module")
def expected(cases: dict[str, Atoms], vector_artifact: Path) -> State:
    return ase_state(vector_artifact, cases["bulk_water"])


@pytest.fixture(scope="module")
def found(
    cases: dict[str, Atoms],
    vector_artifact: Path,
    two_task_artifact: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, State]:
    atoms = cases["bulk_water"]
    settings = [
        Setting(precision, atoms, pair=mlip(vector_artifact, options=f"precision {precision}"))
        for precision in ("double", "mixed", "single")
    ]
    settings.append(Setting("tables", atoms, pair=mlip(vector_artifact, options="precision double tables yes")))
    settings.append(Setting("networks", atoms, pair=mlip(vector_artifact, options="precision single tables no")))
    settings.append(Setting("default", atoms, pair=mlip(vector_artifact, options="")))
    settings.append(Setting("real", atoms, units="real", pair=mlip(vector_artifact)))
    settings.append(Setting("real_newton_off", atoms, units="real", newton="off", pair=mlip(vector_artifact)))
    for name, options in TASKS.items():
        pair = mlip(two_task_artifact, options=f"precision double {options}")
        settings.append(Setting(name, cases["slab"], pair=pair))
    return evaluate(tmp_path_factory.mktemp("units"), settings, ranks=2)


@pytest.mark.parametrize("precision", ["mixed", "single"])
def test_lower_precision_stays_close(found: dict[str, State], expected: State, precision: str) -> None:
    """Wrong by rounding, and visibly so: the cast did happen."""
    tolerance, state = TOLERANCES[precision], found[precision]
    np.testing.assert_allclose(state.energies, expected.energies, rtol=0, atol=tolerance.energy)
    np.testing.assert_allclose(state.forces, expected.forces, rtol=0, atol=tolerance.force)
    np.testing.assert_allclose(state.virial, expected.virial, rtol=0, atol=tolerance.virial * len(expected.forces))
    assert np.abs(state.forces - expected.forces).max() > 1e-9


def test_tables_are_a_choice(found: dict[str, State], expected: State) -> None:
    """Their error is seen in double precision, and their absence in single."""
    change = np.abs(found["tables"].forces - expected.forces).max()
    assert 1e-11 < change < 1e-5
    assert np.any(found["networks"].forces != found["single"].forces)
    np.testing.assert_allclose(found["networks"].forces, expected.forces, rtol=0, atol=TOLERANCES["single"].force)


def test_default_precision_is_the_manifests(found: dict[str, State], expected: State) -> None:
    """The artifact was made from a float64 checkpoint."""
    np.testing.assert_allclose(found["default"].forces, expected.forces, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ["real", "real_newton_off"])
def test_real_units(found: dict[str, State], expected: State, name: str) -> None:
    state = found[name]
    assert abs(state.energy / REAL - expected.energy) < 1e-9 * abs(expected.energy)
    np.testing.assert_allclose(state.forces / REAL, expected.forces, rtol=0, atol=1e-8)
    np.testing.assert_allclose(state.virial / REAL, expected.virial, rtol=0, atol=1e-7)
    np.testing.assert_allclose(state.energies / REAL, expected.energies, rtol=0, atol=1e-8)
    np.testing.assert_allclose(state.virials / REAL, expected.virials, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("defaults", {"task": "pbe"}),
        ("charged", {"task": "pbe", "total_charge": -1, "spin_multiplicity": 2}),
        ("other_task", {"task": "hybrid", "total_charge": 1, "spin_multiplicity": 4}),
    ],
)
def test_task_charge_and_spin(
    found: dict[str, State], cases: dict[str, Atoms], two_task_artifact: Path, name: str, options: dict[str, Any]
) -> None:
    """Types H and O of a model that also knows C."""
    expected = ase_state(two_task_artifact, cases["slab"], **options)
    state = found[name]
    assert abs(state.energy - expected.energy) < 1e-9 * abs(expected.energy)
    np.testing.assert_allclose(state.energies, expected.energies, rtol=0, atol=1e-8)
    np.testing.assert_allclose(state.forces, expected.forces, rtol=0, atol=1e-8)
    others = [found[other].energy for other in TASKS if other != name]
    assert min(abs(state.energy - other) for other in others) > 1e-3
