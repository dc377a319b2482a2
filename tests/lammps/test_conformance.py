# SPDX-License-Identifier: MIT
"""ASE = LAMMPS on the conformance cases: any number of ranks, any grid of processors, newton on and off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import Setting, State, evaluate, mlip
from reference import ase_state

ENERGY, FORCE, VIRIAL = 1e-9, 1e-8, 1e-7  # relative; eV/angstrom; eV
SUM = 1e-12  # of what atoms have against totals, relative to the sum of the sizes
NAMES = ["bulk_water", "triclinic", "two_atom_cell", "slab", "wire", "molecule", "isolated_atom", "corner"]


@dataclass(frozen=True)
class Variant:
    """How LAMMPS is run; `model` names the hidden irreps."""

    model: str
    newton: str
    processors: str = "* * *"
    extra: str = ""

    @property
    def label(self) -> str:
        words = [self.model, self.newton, self.processors, self.extra]
        return "_".join("".join(c if c.isalnum() else "-" for c in word) for word in words)


# Every rank count sees all cases with both models, both settings of newton and two grids.
GRIDS = {1: ["* * *"], 2: ["2 1 1", "1 1 2"], 3: ["1 3 1", "1 1 3"], 4: ["4 1 1", "1 2 2"]}
TILED = "comm_style tiled\nbalance 1.0 rcb"  # for the one case whose box is longer than the ghost cutoff


def variants(ranks: int, case: str) -> list[Variant]:
    grids = GRIDS[ranks]
    chosen = [Variant("0e", "on"), Variant("0e", "off", grids[-1]), Variant("0e+1o", "on", grids[0])]
    if case in ("bulk_water", "triclinic"):
        chosen += [Variant("0e+1o", "off", grids[-1]), Variant("0e", "off on"), Variant("0e", "on off", grids[0])]
    if case == "corner" and ranks > 1:
        chosen += [Variant("0e", "on", extra=TILED), Variant("0e+1o", "off", extra=TILED)]
    return chosen


@pytest.fixture(scope="module")
def artifacts(water_artifact: Path, vector_artifact: Path) -> dict[str, Path]:
    return {"0e": water_artifact, "0e+1o": vector_artifact}


@pytest.fixture(scope="module")
def expected(artifacts: dict[str, Path], cases: dict[str, Atoms]) -> dict[tuple[str, str], State]:
    """By model and case, from the ASE calculator."""
    return {(model, name): ase_state(path, cases[name]) for model, path in artifacts.items() for name in NAMES}


@pytest.fixture(scope="module", params=[1, 2, 3, 4], ids=lambda ranks: f"{ranks}ranks")
def lammps(
    request: pytest.FixtureRequest,
    artifacts: dict[str, Path],
    cases: dict[str, Atoms],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[int, dict[str, State]]:
    """All variants of all cases in one LAMMPS job."""
    ranks: int = request.param
    settings = [
        Setting(
            f"{name}_{variant.label}",
            cases[name],
            newton=variant.newton,
            processors=variant.processors,
            pair=mlip(artifacts[variant.model]),
            more=variant.extra,
        )
        for name in NAMES
        for variant in variants(ranks, name)
    ]
    return ranks, evaluate(tmp_path_factory.mktemp("conformance"), settings, ranks)


@pytest.mark.parametrize("name", NAMES)
def test_lammps_gives_what_ase_gives(
    lammps: tuple[int, dict[str, State]], expected: dict[tuple[str, str], State], name: str
) -> None:
    ranks, found = lammps
    for variant in variants(ranks, name):
        state, reference = found[f"{name}_{variant.label}"], expected[variant.model, name]
        assert abs(state.energy - reference.energy) <= ENERGY * abs(reference.energy), variant
        np.testing.assert_allclose(state.forces, reference.forces, rtol=0, atol=FORCE, err_msg=str(variant))
        np.testing.assert_allclose(state.virial, reference.virial, rtol=0, atol=VIRIAL, err_msg=str(variant))
        np.testing.assert_allclose(state.energies, reference.energies, rtol=0, atol=1e-8, err_msg=str(variant))
        np.testing.assert_allclose(state.virials, reference.virials, rtol=0, atol=VIRIAL, err_msg=str(variant))
        assert abs(state.energies.sum() - state.energy) <= SUM * abs(state.energy), variant
        largest = np.abs(state.virials).sum(0)
        assert np.all(np.abs(state.virials.sum(0) - state.virial) <= SUM * largest + 1e-15), variant


def test_cases_are_not_trivial(expected: dict[tuple[str, str], State]) -> None:
    """Forces and virials that are compared are of the size that users meet, except for the isolated atom."""
    for (_, name), state in expected.items():
        if name == "isolated_atom":
            assert np.all(state.forces == 0.0)
            assert np.all(state.virial == 0.0)
        else:
            assert np.abs(state.forces).max() > 0.1
            assert np.abs(state.virial).max() > 0.1
