# SPDX-License-Identifier: MIT
"""What a user can write into ``data`` that cannot all be meant; and mixed units that are meant."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mlipkit.data.config import DataConfig
from mlipkit.data.keys import UnitNames
from mlipkit.data.labels import factors


def config(**options: Any) -> DataConfig:
    return DataConfig.model_validate({"train": "a.extxyz", **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": {"energy": "E", "stress": "E"}}, "key 'E' is given for both energy and stress"),
        ({"keys": {"outputs": {"q": "forces"}}}, "key 'forces' is given for both forces and outputs.q"),
        ({"keys": {"outputs": {"q": "x", "p": "x"}}}, "key 'x' is given for both outputs.q and outputs.p"),
        ({"keys": {"total_charge": "energy"}}, "'energy' is given for both energy and total_charge"),
        ({"keys": {"stress": "s", "virial": "v"}}, "give either stress or virial"),
        ({"validation": "b.extxyz", "split": {"validation": 0.2}}, "validation names files and split.validation takes"),
        ({"test": "b.extxyz", "split": {"test": 0.2}}, "test names files and split.test takes"),
        ({"split": {"test": 0.95}}, "must stay below 1"),
        ({"train": [{"path": "a", "task": "x", "keys": {"task": "level"}}]}, "give either task or keys.task"),
        (
            {"train": [{"path": "a", "incomplete": ["force"]}]},
            "incomplete: unknown label 'force'; did you mean 'forces'",
        ),
        ({"train": [{"path": "a", "weight": -1}]}, "greater than or equal to 0"),
        ({"train": [{"path": "a", "weight": "inf"}]}, "finite number"),
        ({"train": [{"path": ""}]}, "at least 1 character"),
        ({"config_type_weights": {"x": -1}}, "greater than or equal to 0"),
        ({"min_distance": -0.1}, "greater than or equal to 0"),
        (
            {"units": {"length": "Bohr"}, "train": [{"path": "a", "units": {"energy": "Hartree"}}]},
            "train.0.units replaces data.units as a whole, but leaves out length, which data.units sets to 'Bohr' and "
            "which would become 'angstrom'; write it in train.0.units too",
        ),
        (
            {"keys": {"energy": "REF"}, "validation": [{"path": "b", "keys": {"forces": "F"}}]},
            "validation.0.keys replaces data.keys as a whole, but leaves out energy, which data.keys sets to 'REF'",
        ),
    ],
)
def test_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"keys": {"config_type": "level", "task": "level"}},
        {"keys": {"energy": None, "forces": None}},
        {"validation": "b.extxyz", "split": {"seed": 3}},
        {"validation": "b.extxyz", "split": {"validation": 0.0}},
        {"keys": {"virial": "v"}, "train": [{"path": "a", "keys": {"stress": "s"}}]},
        {"keys": {"outputs": {"q": "x"}}, "train": [{"path": "a", "incomplete": ["q"]}]},
        {"units": {"length": "angstrom"}, "train": [{"path": "a", "units": {"energy": "Hartree"}}]},
    ],
)
def test_not_contradictory(options: dict[str, Any]) -> None:
    found = config(**options)
    assert config(**found.model_dump()) == found, "the dumped configuration, with every default, is accepted too"


def test_share_for_validation() -> None:
    assert config().validation_fraction() == 0.1
    assert config(split={"validation": 0.3}).validation_fraction() == 0.3
    assert config(validation="b.extxyz").validation_fraction() == 0.0


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (
            {"forces": "kcal/mol/angstrom"},
            "forces in 'kcal/mol/angstrom' do not go with energies in 'eV', which nobody",
        ),
        ({"forces": "Hartree/Bohr"}, "another unit by a factor of 0.019447); state `energy` too"),
        ({"stress": "Hartree/Bohr^3", "length": "Bohr"}, "stress in 'Hartree/Bohr^3' do not go with"),
        ({"forces": "eV"}, "'eV' is not a unit of forces; examples: eV/angstrom"),
        ({"energy": "kcal"}, "'kcal' is not a unit of energy"),
        ({"length": "eV"}, "'eV' is not a unit of length"),
        ({"stress": "eV/angstrom"}, "'eV/angstrom' is not a unit of stress"),
        ({"energy": "Hartre"}, "unknown unit 'Hartre'"),
    ],
)
def test_units_that_do_not_fit(units: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        UnitNames.model_validate(units)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("units", "forces"),
    [
        ({"energy": "eV", "forces": "kcal/mol/angstrom"}, 0.0433641),
        ({"energy": "Hartree", "forces": "Hartree/Bohr"}, 51.422067),
        ({"forces": "eV/angstrom"}, 1.0),
        ({"length": "Bohr", "forces": "eV/Bohr"}, 1.8897261),
        ({"stress": "kbar"}, 1.0),
    ],
)
def test_mixed_units_that_are_stated(units: dict[str, str], forces: float) -> None:
    assert factors(UnitNames.model_validate(units)).forces == pytest.approx(forces, rel=1e-6)
