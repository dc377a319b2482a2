# SPDX-License-Identifier: MIT
"""The example of a thermal conductivity, in a short form: its commands in their order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.build import bulk
from decks import Setting, evaluate, run_lammps

EXAMPLE = Path(__file__).parents[2] / "examples" / "lammps" / "thermal_conductivity"
SHORT = {"equilibrate": "20", "steps": "400"}


def command(folder: Path, *words: str) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("argon")
    for path in filter(Path.is_file, EXAMPLE.iterdir()):
        shutil.copy(path, place)
    command(place, sys.executable, "argon.py", "--frames", "12", "--repeat", "3")
    settings = yaml.safe_load((place / "train.yaml").read_text())
    (place / "train.yaml").write_text(yaml.safe_dump({**settings, "epochs": 2}))
    command(place, "mlip-train", "train.yaml")
    command(place, "mlip-export", "train/best.ckpt", "-o", "argon.pt")
    return place


@pytest.mark.parametrize(("style", "ranks"), [("mlip", 2), ("lj", 1)])
def test_deck_and_script_give_a_number(folder: Path, style: str, ranks: int) -> None:
    values = {**SHORT, "style": style, "frames": "yes"}
    # variables of style index keep the value that they have
    deck = "\n".join(f"variable {name} index {value}" for name, value in values.items())
    finished = run_lammps(folder, f"{deck}\n{(folder / 'flux.in').read_text()}", ranks)
    assert finished.code == 0, finished.output[-3000:]
    flux = np.loadtxt(folder / "flux.txt")
    assert flux.shape == (101, 7)
    assert np.all(np.isfinite(flux))
    assert np.all(flux[:, 4:].std(axis=0) > 0)
    answer = command(folder, sys.executable, "conductivity.py", "--window", "0.1", "--blocks", "4")
    assert re.fullmatch(r"-?[\d.]+ \+- [\d.]+ W/\(m K\) from 4 blocks\n", answer)
    assert (folder / "conductivity.txt").exists()
    if style == "lj":
        finished = run_lammps(folder, (folder / "rerun.in").read_text())
        assert finished.code == 0, finished.output[-3000:]
        np.testing.assert_allclose(np.loadtxt(folder / "rerun.txt")[:, 4:], flux[:, 4:], rtol=1e-4, atol=1e-4)


def test_labels_are_those_of_lammps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the model learns is what the deck runs beside it."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    import argon

    atoms = bulk("Ar", cubic=True, a=argon.LATTICE).repeat(3)  # LAMMPS wants a lower triangular cell
    atoms.rattle(0.2, seed=0)
    argon.label(atoms)
    pair = "pair_style lj/smooth/linear 5.8\npair_coeff * * 0.0104 3.4"
    assert pair.split("\n")[0] in (EXAMPLE / "flux.in").read_text()
    found = evaluate(tmp_path, [Setting("argon", atoms, ["Ar"], pair=pair)])["argon"]
    assert found.energy == pytest.approx(atoms.info["energy"], rel=1e-10)
    np.testing.assert_allclose(found.forces, atoms.arrays["forces"], atol=1e-10)
    matrix = -atoms.info["stress"] * atoms.get_volume()
    np.testing.assert_allclose(found.virial, matrix[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]], atol=1e-6)
