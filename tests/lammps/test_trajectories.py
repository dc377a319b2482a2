# SPDX-License-Identifier: MIT
"""One hundred steps on any number of ranks, any grid, tiled domains, empty ranks: the trajectory of one rank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import mlip, run_lammps
from numpy.typing import NDArray

from mlipkit.interfaces.lammps import boundary, write_data

STEPS = 100
DECK = """
clear
units metal
boundary {boundary}
processors {grid}
{comm}
read_data {case}.data
{pair}
velocity all create 300 4242 loop geom
neighbor 0.5 bin
neigh_modify delay 0 every 1 check yes
timestep 0.0005
fix integrate all nve
dump all all custom {steps} {name}.dump id x y z fx fy fz
dump_modify all sort id format float %.17g
{balance}
run {steps} post no
"""
TILED = ("comm_style tiled", "fix balance all balance 10 1.0 rcb")
BRICK = ("", "")
# slab: vacuum and ranks without atoms; corner: all atoms in one corner of the box
GRIDS = {
    1: ["* * *"],
    2: ["2 1 1", "1 1 2"],
    3: ["1 3 1", "1 1 3"],
    4: ["4 1 1", "1 2 2"],
    8: ["2 2 2", "1 2 4"],
}
CASES = ["bulk_water", "triclinic", "slab", "corner"]


def name_of(case: str, grid: str, tiled: bool) -> str:
    return f"{case}-{grid.replace(' ', '').replace('*', 'x')}{'-tiled' if tiled else ''}"


def variants(ranks: int, case: str) -> list[tuple[str, bool]]:
    """Grids, and with more ranks than one domains that move too, where LAMMPS can: in orthogonal boxes."""
    found = [(grid, False) for grid in GRIDS[ranks]]
    return found + [("* * *", True)] * (ranks > 1 and case != "triclinic")


def trajectories(folder: Path, ranks: int, cases: dict[str, Atoms], artifact: Path) -> dict[str, NDArray[np.float64]]:
    """By name of the variant: [2, N, 6] positions and forces of the first and last step, in one job."""
    deck, names = "", []
    for case in cases:
        write_data(folder / f"{case}.data", cases[case], ["H", "O"])
        for grid, tiled in variants(ranks, case):
            comm, balance = TILED if tiled else BRICK
            names.append(name_of(case, grid, tiled))
            deck += DECK.format(
                boundary=boundary(cases[case]), grid=grid, comm=comm, case=case, pair=mlip(artifact), steps=STEPS,
                name=names[-1], balance=balance,
            )  # fmt: skip
    finished = run_lammps(folder, deck, ranks, timeout=1500)
    assert finished.code == 0, finished.output[-3000:]
    found = {}
    for name in names:
        rows = [line.split() for line in (folder / f"{name}.dump").read_text().splitlines()]
        numbers = np.array([row for row in rows if len(row) == 7 and row[0] != "ITEM:"], dtype=float)
        found[name] = numbers[:, 1:].reshape(2, -1, 6)
    return found


def compare(ranks: int, cases: dict[str, Atoms], artifact: Path, folder: Path) -> None:
    """With one rank: forces of the first step and positions of the last; and that atoms moved."""
    one_rank = trajectories(folder, 1, cases, artifact)
    found = trajectories(folder, ranks, cases, artifact)
    assert len(found) == sum(len(variants(ranks, case)) for case in cases)
    for name, states in found.items():
        case = name.split("-")[0]
        wanted = one_rank[name_of(case, "* * *", False)]
        np.testing.assert_allclose(states[0, :, 3:], wanted[0, :, 3:], rtol=0, atol=1e-10, err_msg=name)
        lengths = cases[case].cell.lengths()
        moved = states[1, :, :3] - wanted[1, :, :3]
        if case == "triclinic":
            assert np.abs(moved).max() < 1e-8, name  # no atom went round on one grid alone
            continue
        apart = np.abs(moved - np.round(moved / lengths) * lengths * cases[case].pbc)
        assert apart.max() < 1e-8, name
        assert np.linalg.norm(states[1, :, :3] - states[0, :, :3], axis=1).max() > 0.1, name


def test_the_trajectory_does_not_depend_on_the_ranks(
    cases: dict[str, Atoms], water_artifact: Path, tmp_path: Path
) -> None:
    compare(2, {name: cases[name] for name in ("bulk_water", "slab")}, water_artifact, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 3, 4, 8])
def test_vectors_on_all_grids(ranks: int, cases: dict[str, Atoms], vector_artifact: Path, tmp_path: Path) -> None:
    compare(ranks, {name: cases[name] for name in CASES}, vector_artifact, tmp_path)
