# SPDX-License-Identifier: MIT
"""Which atoms the model handles: the order of types, several types of one element, NULL, and hybrid styles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import Setting, State, evaluate, mlip
from reference import ase_state

FORCE, VIRIAL = 1e-8, 1e-7
LJ_AR = "pair_coeff 1 3 lj/cut 0.01 2.9\npair_coeff 2 3 lj/cut 0.02 2.8\npair_coeff 3 3 lj/cut 0.01 3.4"
LJ_ALONE = "pair_style lj/cut 5.0\npair_coeff * * 0 1\n" + LJ_AR.replace("lj/cut ", "")
ZBL = "pair_coeff 1 1 zbl 1 1\npair_coeff 1 2 zbl 1 8\npair_coeff 2 2 zbl 8 8"
ZBL_ALONE = "pair_style zbl 1.0 1.5\n" + ZBL.replace("zbl ", "")
APART = """pair_style hybrid mlip precision double mlip precision double zero 4.0
pair_coeff * * mlip 1 {water} H O NULL NULL
pair_coeff * * mlip 2 {vector} NULL NULL H O
pair_coeff 1*2 3*4 zero"""
HALVES = """group second id 37:72
group hydrogen type 1
group oxygen type 2
group h intersect second hydrogen
group o intersect second oxygen
set group h type 3
set group o type 4"""


def with_argon(atoms: Atoms) -> Atoms:
    """The slab with argon atoms above and below it, within reach of the model's cutoff; they come first."""
    place = atoms.positions[:, 2]
    argon = [[1.0, 2.0, place.max() + 2.6], [5.0, 6.0, place.max() + 3.0], [4.0, 1.0, place.min() - 2.8]]
    return Atoms("Ar3", argon, cell=atoms.cell, pbc=atoms.pbc) + atoms


@pytest.fixture(scope="module", params=[1, 2], ids=lambda ranks: f"{ranks}ranks")
def found(
    request: pytest.FixtureRequest,
    cases: dict[str, Atoms],
    water_artifact: Path,
    vector_artifact: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, State]:
    water, mixed = cases["bulk_water"], with_argon(cases["slab"])
    three = ["H", "O", "Ar"]
    hybrid = f"pair_style {{style}} mlip precision double lj/cut 5.0\npair_coeff * * mlip {water_artifact} H O NULL\n"
    own = "mlip precision double"
    settings = [
        Setting("reordered", water, elements=["O", "H"], pair=mlip(water_artifact, "O H")),
        Setting("split", water, elements=["H", "O", "H"], pair=mlip(water_artifact, "H O H")),
        Setting("null", mixed, elements=three, pair=mlip(water_artifact, "H O NULL")),
        Setting("null_newton_off", mixed, elements=three, newton="off", pair=mlip(water_artifact, "H O NULL")),
        Setting("hybrid", mixed, elements=three, pair=hybrid.format(style="hybrid") + LJ_AR),
        Setting("overlay", mixed, elements=three, pair=hybrid.format(style="hybrid/overlay") + LJ_AR, newton="off"),
        Setting("lj", mixed, elements=three, pair=LJ_ALONE),
        Setting(
            "with_zbl",
            water,
            pair=f"pair_style hybrid/overlay zbl 1.0 1.5 {own}\npair_coeff * * mlip {vector_artifact} H O\n{ZBL}",
        ),
        Setting("zbl", water, pair=ZBL_ALONE),
        Setting(
            "two_models",
            water,
            pair=f"pair_style hybrid/overlay {own} {own}\npair_coeff * * mlip 1 {water_artifact} H O\n"
            f"pair_coeff * * mlip 2 {vector_artifact} H O",
        ),
        Setting(
            "apart",
            water,
            elements=["H", "O", "H", "O"],
            pair=APART.format(water=water_artifact, vector=vector_artifact),
            more=HALVES,
        ),
        Setting(
            "scaled",
            water,
            pair=f"pair_style hybrid/scaled 0.25 {own} 0.75 {own}\npair_coeff * * mlip 1 {water_artifact} H O\n"
            f"pair_coeff * * mlip 2 {vector_artifact} H O",
        ),
    ]
    # An element that two types share: every second molecule's first hydrogen is of type 3.
    split = next(setting for setting in settings if setting.name == "split")
    split.more = "group some id 2 8 14 20 26\nset group some type 3"
    return evaluate(tmp_path_factory.mktemp("types"), settings, request.param)


@pytest.fixture(scope="module")
def water(cases: dict[str, Atoms], water_artifact: Path) -> State:
    return ase_state(water_artifact, cases["bulk_water"])


def combined(a: State, b: State, weight_a: float = 1.0, weight_b: float = 1.0) -> State:
    keys = ("energy", "forces", "virial", "energies", "virials")
    return State(**{key: weight_a * getattr(a, key) + weight_b * getattr(b, key) for key in keys})


def padded(state: State, n: int) -> State:
    """The state with n atoms in front that feel nothing."""
    rows = {
        key: np.concatenate([np.zeros((n, *getattr(state, key).shape[1:])), getattr(state, key)])
        for key in ("forces", "energies", "virials")
    }
    return State(energy=state.energy, virial=state.virial, **rows)


def assert_same(found: State, expected: State) -> None:
    assert abs(found.energy - expected.energy) < 1e-9 * abs(expected.energy)
    np.testing.assert_allclose(found.energies, expected.energies, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=FORCE)
    np.testing.assert_allclose(found.virial, expected.virial, rtol=0, atol=VIRIAL)
    np.testing.assert_allclose(found.virials, expected.virials, rtol=0, atol=VIRIAL)


@pytest.mark.parametrize("name", ["reordered", "split"])
def test_types_may_come_in_any_order_and_share_an_element(found: dict[str, State], water: State, name: str) -> None:
    assert_same(found[name], water)


@pytest.mark.parametrize("name", ["null", "null_newton_off"])
def test_null_types_feel_nothing_and_are_not_felt(found: dict[str, State], slab: State, name: str) -> None:
    assert np.all(found[name].forces[:3] == 0.0)
    assert_same(found[name], padded(slab, 3))


@pytest.mark.parametrize("name", ["hybrid", "overlay"])
def test_hybrid_with_the_model_on_a_part(found: dict[str, State], slab: State, name: str) -> None:
    assert np.abs(found["lj"].forces[:3]).max() > 1e-3
    assert_same(found[name], combined(padded(slab, 3), found["lj"]))


def test_overlay_with_another_style(found: dict[str, State], vector: State) -> None:
    assert np.abs(found["zbl"].forces).max() > 1e-3
    assert_same(found["with_zbl"], combined(vector, found["zbl"]))


def test_two_models_in_one_deck(found: dict[str, State], water: State, vector: State) -> None:
    """Their halo messages differ in size, and both are learnt only after pair_style was read."""
    assert_same(found["two_models"], combined(water, vector))


def test_scaled_models(found: dict[str, State], water: State, vector: State) -> None:
    assert_same(found["scaled"], combined(water, vector, 0.25, 0.75))


def test_two_models_for_different_types(
    found: dict[str, State], cases: dict[str, Atoms], water_artifact: Path, vector_artifact: Path
) -> None:
    """Each sees its own half of the atoms, which another style keeps apart."""
    atoms = cases["bulk_water"]
    first, second = ase_state(water_artifact, atoms[:36]), ase_state(vector_artifact, atoms[36:])
    rows = {
        key: np.concatenate([getattr(first, key), getattr(second, key)]) for key in ("forces", "energies", "virials")
    }
    whole = State(energy=first.energy + second.energy, virial=first.virial + second.virial, **rows)
    assert_same(found["apart"], whole)
