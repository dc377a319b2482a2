# SPDX-License-Identifier: MIT
"""Finding and loading the plugin, and what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ase import Atoms
from decks import mlip, run_lammps

from mlipkit._libraries import library_folder
from mlipkit.interfaces.lammps import write_data


@pytest.fixture(scope="module")
def printed(
    cases: dict[str, Atoms], water_artifact: Path, vector_artifact: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Output of two ranks: two runs with one model, another model, heavy hydrogen, and masses per atom."""
    folder = tmp_path_factory.mktemp("printed")
    write_data(folder / "atoms.data", cases["bulk_water"], ["H", "O"])
    deck = f"units metal\nread_data atoms.data\n{mlip(water_artifact)}\nrun 0\nrun 0\n"
    deck += f"{mlip(vector_artifact, options='precision mixed')}\nrun 0\n"
    deck += f"mass 1 2.014\n{mlip(water_artifact, options='mass_check no')}\nrun 0\n"
    deck += "fix masses all property/atom rmass\nset type 1 mass 1.008\nset type 2 mass 15.999\n"
    deck += f"{mlip(water_artifact)}\nrun 0"
    finished = run_lammps(folder, deck, ranks=2)
    assert finished.code == 0, finished.output
    assert (folder / "deck.log").read_text().count("\nmlip ") == finished.output.count("\nmlip ")
    return finished.output


def test_found_with_nothing_to_set(printed: str) -> None:
    assert f"Loaded 1 plugins from {library_folder()}" in printed


def test_one_line_says_what_runs(printed: str, water_artifact: Path) -> None:
    lines = [line for line in printed.splitlines() if line.startswith("mlip ")]
    assert len(lines) == 4  # once per model, not once per run or rank
    expected = (
        rf"mlip \S+: model {re.escape(str(water_artifact))} \(mace, cutoff 4\), device cpu, precision double, "
        r"radial networks, threads 1, ranks 2, mode halo exchange; \d+ probe structures checked in \d+\.\d\d s"
    )
    assert re.fullmatch(expected, lines[0])
    assert "precision mixed" in lines[1]


def test_table_of_types(printed: str) -> None:
    rows = re.findall(r"^ +(\d+) +(\w+) +([\d.]+|per atom) +(\d+)$", printed, re.MULTILINE)
    natural = [("1", "H", "1.0080", "48"), ("2", "O", "15.9990", "24")]
    heavy = [("1", "H", "2.0140", "48"), ("2", "O", "15.9990", "24")]
    assert rows == natural * 2 + heavy + [("1", "H", "per atom", "48"), ("2", "O", "per atom", "24")]
