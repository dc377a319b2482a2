# SPDX-License-Identifier: MIT
"""The scripts of examples/openmm, a few steps each."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script: str, folder: Path, *words: object) -> str:
    command = [sys.executable, str(EXAMPLES / "openmm" / script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def column(path: Path, name: str) -> list[float]:
    with open(path, newline="") as stream:
        return [float(row[name]) for row in csv.DictReader(stream)]


def test_dipeptide_in_vacuum(tmp_path: Path, bundled_artifact: Path) -> None:
    run("dipeptide_in_vacuum.py", tmp_path, bundled_artifact, "--steps", 400)
    temperatures = column(tmp_path / "dipeptide.csv", "Temperature (K)")
    assert len(temperatures) == 4
    assert 100 < temperatures[-1] < 800
    assert (tmp_path / "dipeptide.dcd").stat().st_size > 4 * 22 * 12
    assert (tmp_path / "ramachandran.png").is_file()


def test_dipeptide_in_water(tmp_path: Path, bundled_artifact: Path) -> None:
    run("dipeptide_in_water.py", tmp_path, bundled_artifact, "--steps", 100)
    assert 0.7 < column(tmp_path / "mixed.csv", "Density (g/mL)")[-1] < 1.2
    for name in ("mixed.pdb", "mixed.dcd", "mixed.xml"):
        assert (tmp_path / name).is_file(), name


@pytest.mark.parametrize("where", [[], ["--vacuum"]], ids=["water", "vacuum"])
def test_ligand_interpolation(tmp_path: Path, bundled_artifact: Path, where: list[str]) -> None:
    printed = run("ligand_interpolation.py", tmp_path, bundled_artifact, "--steps", 60, "--windows", 2, *where)
    assert "integral:" in printed
    assert column(tmp_path / "interpolation.csv", "lambda") == [1.0, 0.0]
    assert all(abs(mean) < 1000 for mean in column(tmp_path / "interpolation.csv", "mean_kJ_per_mol"))
    assert (tmp_path / "interpolation.png").is_file()


def test_water_npt(tmp_path: Path, water_artifact: Path) -> None:
    run("water_npt.py", tmp_path, water_artifact, "--steps", 20)
    assert 0.5 < column(tmp_path / "water_npt.csv", "Density (g/mL)")[-1] < 1.5
    assert (tmp_path / "density.png").is_file()
