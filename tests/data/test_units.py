# SPDX-License-Identifier: MIT
"""Units of data files against values from CODATA, and messages for units that cannot be."""

from __future__ import annotations

import pytest

from mlipkit.data.errors import DataError
from mlipkit.data.keys import UnitNames
from mlipkit.data.labels import factors
from mlipkit.data.units import ENERGY, FORCE, LENGTH, STRESS, factor


@pytest.mark.parametrize(
    ("expression", "dimension", "value"),
    [
        ("eV", ENERGY, 1.0),
        ("meV", ENERGY, 1e-3),
        ("Hartree", ENERGY, 27.211386),
        ("kcal/mol", ENERGY, 0.0433641),
        ("KCAL/mol", ENERGY, 0.0433641),
        ("kJ/mol", ENERGY, 0.01036427),
        ("Rydberg", ENERGY, 13.605693),
        ("Bohr", LENGTH, 0.52917721),
        ("nm", LENGTH, 10.0),
        ("Hartree/Bohr", FORCE, 51.422067),
        ("kcal/mol/angstrom", FORCE, 0.0433641),
        ("GPa", STRESS, 6.2415091e-3),
        ("kbar", STRESS, 6.2415091e-4),
        ("eV/angstrom^3", STRESS, 1.0),
        ("Hartree / Bohr**3", STRESS, 183.6315),
    ],
)
def test_values(expression: str, dimension: tuple[int, int, int], value: float) -> None:
    assert factor(expression, dimension, "x") == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("expression", "dimension", "message"),
    [
        ("kcal", ENERGY, "not a unit of x"),
        ("eV", FORCE, "not a unit of x; examples: eV/angstrom"),
        ("hartre", ENERGY, "did you mean 'Hartree'"),
        ("eV angstrom", ENERGY, "cannot be read"),
        ("", ENERGY, "not a unit"),
        ("GPa", ENERGY, "not a unit of x"),
    ],
)
def test_mistakes_are_named(expression: str, dimension: tuple[int, int, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        factor(expression, dimension, "x")


def test_forces_and_stress_follow_from_energy_and_length() -> None:
    found = factors(UnitNames(energy="Hartree", length="Bohr"))
    assert found.forces == pytest.approx(51.422067, rel=1e-6)
    assert found.stress == pytest.approx(183.6315, rel=1e-5)
    assert found.virial == found.energy
    assert factors(UnitNames(energy="Hartree", length="Bohr", stress="GPa")).stress == pytest.approx(6.2415091e-3)
