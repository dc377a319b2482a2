# SPDX-License-Identifier: MIT
"""Cells that change and minimisers: what the model says at the end of each is what ASE gives for that structure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import Snapshot, mlip, read_snapshot, run_lammps, snapshot
from reference import assert_snapshot_is_what_ase_gives

from mlipkit.interfaces.lammps import write_data

BAROSTATS = {
    "npt_iso": "npt temp 300 300 0.05 iso 5000 5000 0.02",
    "npt_aniso": "npt temp 300 300 0.05 aniso 5000 5000 0.02",
    "npt_tri": "npt temp 300 300 0.05 tri 5000 5000 0.02",
    "nph_iso": "nph iso -5000 -5000 0.02",
    "nph_aniso": "nph x 5000 5000 0.02 y 0 0 0.02 z 0 0 0.02 couple yz",
    "nph_tri": "nph tri 0 0 0.02",
}
RELAXATIONS = {name: f"box/relax {name} 2000.0 vmax 0.002" for name in ("iso", "aniso", "tri")}
MINIMISERS = ["cg", "sd", "hftn", "quickmin", "fire"]


@pytest.fixture(scope="module")
def folder(cases: dict[str, Atoms], water_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One simulation on two ranks that goes through all of them, one after another."""
    place = tmp_path_factory.mktemp("ensembles")
    write_data(place / "atoms.data", cases["triclinic"], ["H", "O"])
    deck = f"units metal\nread_data atoms.data\n{mlip(water_artifact)}\n"
    deck += "velocity all create 300 4242 loop geom\ntimestep 0.0002\n" + snapshot("start")
    for name, fix in BAROSTATS.items():
        deck += f"fix cell all {fix}\nrun 12 post no\nunfix cell\n" + snapshot(name)
    for style in MINIMISERS:
        deck += f"min_style {style}\nminimize 0 0 4 20\n" + snapshot(style)
    deck += "min_style cg\n"
    for name, fix in RELAXATIONS.items():
        deck += f"fix cell all {fix}\nminimize 0 0 4 20\nunfix cell\n" + snapshot(name)
    finished = run_lammps(place, deck, ranks=2)
    assert finished.code == 0, finished.output[-4000:]
    return place


def state(folder: Path, name: str) -> Snapshot:
    return read_snapshot(folder, name, "HO")


def before(name: str) -> str:
    order = ["start", *BAROSTATS, *MINIMISERS, *RELAXATIONS]
    return order[order.index(name) - 1]


@pytest.mark.parametrize("name", [*BAROSTATS, *MINIMISERS, *RELAXATIONS])
def test_energy_forces_and_virial_are_right_at_the_end(folder: Path, name: str, water_artifact: Path) -> None:
    assert_snapshot_is_what_ase_gives(state(folder, name), water_artifact)


@pytest.mark.parametrize("name", [*BAROSTATS, *RELAXATIONS])
def test_cells_change_as_the_coupling_says(folder: Path, name: str) -> None:
    """Lengths of the box, and tilts where they are free, which otherwise follow the lengths."""
    old, new = (state(folder, which).atoms.cell.array for which in (before(name), name))
    ratio = np.diag(new) / np.diag(old)
    assert np.abs(ratio - 1).max() > 1e-5
    tilts = [(1, 0), (2, 0), (2, 1)]  # xy xz yz, which scale with the lengths of y, z and z
    free = [abs(new[i, j] - old[i, j] * ratio[i]) > 1e-6 for i, j in tilts]
    if name.endswith("iso") and not name.endswith("aniso"):
        assert np.ptp(ratio) < 1e-9
    elif name == "nph_aniso":
        assert abs(ratio[1] - ratio[2]) < 1e-9 < abs(ratio[0] - ratio[1])
    else:
        assert min(abs(ratio[a] - ratio[b]) for a, b in ((0, 1), (1, 2), (0, 2))) > 1e-7
    assert all(free) if name.endswith("tri") else not any(free)


@pytest.mark.parametrize("name", MINIMISERS)
def test_minimisers_go_down(folder: Path, name: str) -> None:
    assert state(folder, name).energy < state(folder, before(name)).energy - 1e-3
