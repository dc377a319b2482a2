# SPDX-License-Identifier: MIT
"""The model with dispersion, charges and labels: the sum of what ASE gives and of what the other style gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import BOHR, Setting, State, evaluate, mlip

D3 = "dispersion/d3 bj pbe 9.0 7.0"
CHARGES = "fix charges all property/atom q ghost yes\nset type 1 charge 0.42\nset type 2 charge -0.84\n"
OTHERS = {  # pair_style, the end of pair_coeff, kspace_style
    "dispersion": (D3, "dispersion/d3 H O", ""),
    "coul_cut": ("coul/cut 6.0", "coul/cut", ""),
    "coul_long": ("coul/long 5.0", "coul/long", "kspace_style ewald 1.0e-6\nkspace_modify gewald 0.6 kmax/ewald 8 6 4"),
    "lj": ("lj/cut 6.0", "lj/cut 0.005 2.9", ""),
}


def alone(name: str) -> str:
    style, coeff, kspace = OTHERS[name]
    return f"{CHARGES}pair_style {style}\npair_coeff * * {coeff.partition(' ')[2]}\n{kspace}"


def overlay(name: str, model: Path) -> str:
    style, coeff, kspace = OTHERS[name]
    pair = f"pair_style hybrid/overlay mlip precision double {style}\npair_coeff * * mlip {model} H O\n"
    return f"{CHARGES}{pair}pair_coeff * * {coeff}\n{kspace}"


LABELS = """
labelmap atom 1 HW 2 OW
pair_style hybrid/overlay mlip precision double lj/cut 6.0
pair_coeff * * mlip {model} H O
pair_coeff HW HW lj/cut 0 1
pair_coeff HW OW lj/cut 0 1
pair_coeff OW OW lj/cut 0.005 2.9
"""
LABELS_ALONE = "pair_style lj/cut 6.0\npair_coeff * * 0 1\npair_coeff 2 2 0.005 2.9"
DEUTERIUM = "mass 3 2.014\ngroup heavy id 2 8 14 20 26\nset group heavy type 3\n"


@pytest.fixture(scope="module", params=[1, 2], ids=lambda ranks: f"{ranks}ranks")
def found(
    request: pytest.FixtureRequest,
    cases: dict[str, Atoms],
    water_artifact: Path,
    vector_artifact: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, State]:
    water, slab = cases["bulk_water"], cases["slab"]
    settings = []
    for name in OTHERS:
        settings.append(Setting(name, water, pair=alone(name)))
        settings.append(Setting(f"with_{name}", water, pair=overlay(name, vector_artifact)))
    isotopes = mlip(vector_artifact, "H O H", "precision double mass_check no")
    settings += [
        Setting("labels", water, pair=LABELS.format(model=vector_artifact)),
        Setting("labels_lj", water, pair=LABELS_ALONE),
        Setting("isotopes", water, elements=["H", "O", "H"], pair=isotopes, more=DEUTERIUM),
        Setting("shrink_wrapped", slab, boundary="p p s", pair=mlip(water_artifact)),
        Setting("electron", water, units="electron", pair=mlip(vector_artifact)),
        Setting("electron_newton_off", slab, units="electron", newton="off", pair=mlip(water_artifact)),
    ]
    return evaluate(tmp_path_factory.mktemp("overlays"), settings, request.param)


KEYS = ("energy", "forces", "virial", "energies", "virials")


def assert_same(found: State, *parts: State, energy: float = 1.0, length: float = 1.0) -> None:
    """``found`` is the sum of the parts, which are in units of ``energy`` and ``length``."""
    total = State(**{key: sum(getattr(part, key) for part in parts) for key in KEYS})
    assert abs(found.energy / energy - total.energy) < 1e-9 * abs(total.energy)
    np.testing.assert_allclose(found.forces / energy * length, total.forces, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.virial / energy, total.virial, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.energies / energy, total.energies, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.virials / energy, total.virials, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", OTHERS)
def test_overlay_is_the_sum(found: dict[str, State], vector: State, name: str) -> None:
    assert np.abs(found[name].forces).max() > 1e-3
    assert_same(found[f"with_{name}"], vector, found[name])


def test_type_labels(found: dict[str, State], vector: State) -> None:
    assert np.abs(found["labels_lj"].forces).max() > 1e-3
    assert_same(found["labels"], vector, found["labels_lj"])


def test_isotopes_are_the_same_element(found: dict[str, State], vector: State) -> None:
    assert_same(found["isotopes"], vector)


def test_shrink_wrapped_slab(found: dict[str, State], slab: State) -> None:
    assert_same(found["shrink_wrapped"], slab)


def test_electron_units(found: dict[str, State], vector: State, slab: State) -> None:
    """Hartree and bohr: data file, forces and pressure."""
    hartree = 1 / 27.211386245981
    assert_same(found["electron"], vector, energy=hartree, length=1 / BOHR)
    assert_same(found["electron_newton_off"], slab, energy=hartree, length=1 / BOHR)
