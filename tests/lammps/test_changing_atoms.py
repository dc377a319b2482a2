# SPDX-License-Identifier: MIT
"""Atoms that come, go, are left out or change their rank: each time the model is what ASE gives for those there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import Snapshot, mlip, read_snapshot, run_lammps, snapshot
from reference import ase_state, assert_snapshot_is_what_ase_gives

from mlipkit.interfaces.lammps import write_data

ELEMENTS = ["H", "O", "H"]  # the third type is hydrogen that comes and goes
GAS = """
group water type 1 2
group gas type 3
region above block 0.1 9.2 0.1 8.6 21 29 units box
velocity water create 300 4242 loop geom
fix integrate all nve
timestep 0.0002
neigh_modify delay 0 every 1 check yes
"""
DEPOSIT = """
fix source gas deposit 4 3 2 4321 region above near 1.0 vz -1 -1
run 10 post no
unfix source
"""
EVAPORATE = """
region top block INF INF INF INF 14 INF units box
fix sink water evaporate 2 1 top 3827
run 6 post no
unfix sink
"""
# the chemical potential holds the reference energy of the atom, as the energies of the model do
EXCHANGE = """
fix exchange gas gcmc 1 6 6 3 29494 3000 -13.6 0.3 full_energy region above group all
run 3 post no
unfix exchange
"""
DELETE = """
group some id 3 7 20:26
delete_atoms group some compress no
run 2 post no
"""
STEPS = {"deposit": DEPOSIT, "gcmc": EXCHANGE, "evaporate": EVAPORATE, "delete_atoms": DELETE}

LEFT_OUT = """
group a id 1:36
group b subtract all a
neigh_modify exclude group a b
"""
HELD = """
neigh_modify exclude none
group mobile id 1:12
velocity mobile create 300 77 loop geom
fix integrate mobile nve
timestep 0.0005
run 10 post no
"""
BALANCED = """
velocity all create 600 77 loop geom
fix integrate all nve
timestep 0.0005
comm_style tiled
fix balance all balance 3 1.0 rcb weight time 1.0
run 12 post no
"""

# a second style that reaches further: LAMMPS makes one list for both, and lists are rebuilt while atoms move
WIDE = """
pair_style hybrid/overlay mlip precision double lj/cut 6.5
pair_coeff * * mlip {model} H O
pair_coeff * * lj/cut 0.0 1.0
velocity all create 900 77 loop geom
fix integrate all nve
timestep 0.0005
neighbor 0.5 bin
neigh_modify delay 0 every 1 check yes
run 40 post no
"""


@pytest.fixture(scope="module", params=[1, 3], ids=lambda ranks: f"{ranks}ranks")
def folder(
    request: pytest.FixtureRequest,
    cases: dict[str, Atoms],
    water_artifact: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Four simulations in one job; the first goes through the changes one after another."""
    place = tmp_path_factory.mktemp("changing")
    slab = cases["slab"].copy()
    slab.positions[:, 2] += 10 - slab.positions[:, 2].min()
    slab.pbc = True
    write_data(place / "slab.data", slab, ELEMENTS)
    write_data(place / "water.data", cases["bulk_water"], ["H", "O"])
    deck = f"units metal\natom_modify map yes\nread_data slab.data\n{mlip(water_artifact, 'H O H')}\n{GAS}"
    deck += snapshot("start")
    for name, commands in STEPS.items():
        deck += commands + snapshot(name)
    deck += f"clear\nunits metal\nread_data water.data\n{mlip(water_artifact)}\n"
    deck += LEFT_OUT + snapshot("left_out") + HELD + snapshot("held")
    write_data(place / "corner.data", cases["corner"], ["H", "O"])
    deck += f"clear\nunits metal\nread_data corner.data\n{mlip(water_artifact)}\n{BALANCED}" + snapshot("balanced")
    wide = WIDE.format(model=water_artifact)
    deck += f"clear\nunits metal\nread_data water.data\n{wide}" + snapshot("wide")
    finished = run_lammps(place, deck, request.param)
    assert finished.code == 0, finished.output[-4000:]
    return place


def state(folder: Path, name: str) -> Snapshot:
    return read_snapshot(folder, name, ELEMENTS)


@pytest.mark.parametrize("name", STEPS)
def test_the_atoms_that_are_there_are_evaluated(folder: Path, name: str, water_artifact: Path) -> None:
    assert_snapshot_is_what_ase_gives(state(folder, name), water_artifact)


def test_atoms_came_and_went(folder: Path) -> None:
    names = ["start", *STEPS]
    tags = {name: set(state(folder, name).tags) for name in names}
    came = {name: len(tags[name] - tags[old]) for old, name in zip(names, STEPS, strict=False)}
    went = {name: len(tags[old] - tags[name]) for old, name in zip(names, STEPS, strict=False)}
    assert (came["deposit"], went["deposit"]) == (4, 0)
    assert came["gcmc"] + went["gcmc"] > 0
    assert (came["evaporate"], went["evaporate"]) == (0, 3)
    assert came["delete_atoms"] == 0
    assert went["delete_atoms"] > 5
    assert max(tags["delete_atoms"]) > len(tags["delete_atoms"]) + 1, "IDs with gaps"


def test_excluded_pairs_are_no_edges(folder: Path, cases: dict[str, Atoms], water_artifact: Path) -> None:
    """Halves that do not see each other: forces and energies of each alone."""
    atoms, found = cases["bulk_water"], read_snapshot(folder, "left_out", "HO")
    halves = [ase_state(water_artifact, part) for part in (atoms[:36], atoms[36:])]
    energy = sum(half.energy for half in halves)
    assert abs(found.energy - energy) < 1e-9 * abs(energy)
    np.testing.assert_allclose(found.forces, np.concatenate([half.forces for half in halves]), rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.virial, halves[0].virial + halves[1].virial, rtol=0, atol=1e-7)
    whole = ase_state(water_artifact, atoms)
    assert np.abs(found.forces - whole.forces).max() > 0.1


def test_a_group_moves_in_the_field_of_the_others(folder: Path, cases: dict[str, Atoms], water_artifact: Path) -> None:
    found = read_snapshot(folder, "held", "HO")
    assert_snapshot_is_what_ase_gives(found, water_artifact)
    moved = np.abs(found.atoms.positions - cases["bulk_water"].positions).max(axis=1)
    assert moved[:12].min() > 1e-3
    assert np.all(moved[12:] == 0.0)


def test_load_balancing_moves_atoms_between_ranks(folder: Path, cases: dict[str, Atoms], water_artifact: Path) -> None:
    """Of a box with atoms in one corner only, so that ranks begin without atoms."""
    found = read_snapshot(folder, "balanced", "HO")
    assert_snapshot_is_what_ase_gives(found, water_artifact)
    assert len(found.tags) == len(cases["corner"])


def test_a_list_that_reaches_further_than_the_model(
    folder: Path, cases: dict[str, Atoms], water_artifact: Path
) -> None:
    found = read_snapshot(folder, "wide", "HO")
    assert_snapshot_is_what_ase_gives(found, water_artifact)
    assert np.linalg.norm(found.atoms.positions - cases["bulk_water"].positions, axis=1).max() > 0.25, "half the skin"
