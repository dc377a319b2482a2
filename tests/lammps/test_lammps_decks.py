# SPDX-License-Identifier: MIT
"""The decks of examples/lammps in a short form, from the structures that its script writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest

from mlipkit.interfaces.lammps import lmp_command

EXAMPLES = Path(__file__).parents[2] / "examples" / "lammps"
DECKS = {"npt": "density.txt", "slab": "profile.txt", "hybrid": "hybrid.dump", "watch": "odd.extxyz"}


@pytest.fixture(scope="module")
def folder(ensemble_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("decks")
    shutil.copy(ensemble_artifact, place / "model.pt")
    subprocess.run([sys.executable, str(EXAMPLES / "start.py")], cwd=place, check=True, timeout=60)
    return place


def run(folder: Path, name: str, *variables: str) -> str:
    words = [*lmp_command(2), "-in", str(EXAMPLES / f"{name}.in"), "-log", f"{name}.log"]
    words += ["-var", "steps", "20", "-var", "every", "10"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*words, *variables], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def test_every_deck_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.in")} == {*DECKS, "nvt", "continue"}


@pytest.mark.parametrize("name", DECKS)
def test_deck_runs_and_leaves_its_results(folder: Path, name: str) -> None:
    variables = ["-var", "doubt", "0.01"] if name == "watch" else []
    output = run(folder, name, *variables)
    assert "for 20 steps" in output
    assert len((folder / DECKS[name]).read_text().splitlines()) > 2
    if name == "watch":
        assert len(ase.io.read(folder / "odd.extxyz", ":")) == 2


def test_a_run_goes_on_from_its_restart_file(folder: Path) -> None:
    assert "for 20 steps" in run(folder, "nvt")
    assert "restoring pair style mlip from restart" in run(folder, "continue")
    last, first = (
        ase.io.read(folder / f"{name}.dump", which, format="lammps-dump-text")
        for name, which in (("nvt", -1), ("continue", 0))
    )
    shift = (first.positions - last.positions) / last.cell.lengths()
    np.testing.assert_allclose(shift, np.round(shift), atol=1e-4)  # as many digits as are written


def test_the_slab_is_whole_molecules_in_vacuum(folder: Path) -> None:
    slab = ase.io.read(folder / "slab.data", format="lammps-data")
    distances = slab.get_all_distances(mic=False)
    numbers = slab.get_atomic_numbers()
    bonds = distances[np.ix_(numbers == 8, numbers == 1)] < 1.3
    assert np.all(bonds.sum(axis=1) == 2)
    lowest, highest = slab.positions[:, 2].min(), slab.positions[:, 2].max()
    lines = (folder / "slab.data").read_text().splitlines()
    low, high = next(map(float, line.split()[:2]) for line in lines if line.endswith("zlo zhi"))
    assert min(lowest - low, high - highest) == pytest.approx(12.0)
