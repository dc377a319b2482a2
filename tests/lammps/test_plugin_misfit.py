# SPDX-License-Identifier: MIT
"""A plugin that was built for another LAMMPS: pair_style mlip says so and stops all ranks, with the cure."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from decks import Finished, run_lammps
from lammps_packages import lammps_headers, lammps_number, mpi_headers

SOURCES = Path(__file__).parents[2] / "lammps_plugin"


def loader(folder: Path, version: int, sizes: str = "SMALLBIG", mpi: Path | None = None) -> Path:
    """What LAMMPS loads, compiled for a LAMMPS of this kind; alone, without the library of the styles."""
    target = folder / "mlipplugin.so"
    include = [f"-isystem{lammps_headers()}", f"-isystem{mpi or mpi_headers()}"]
    define = [f"-DLAMMPS_{sizes}", f"-DMLIP_LAMMPS_VERSION={version}"]
    compiler = ["g++", "-std=c++17", "-O0", "-fPIC", "-shared", "-fvisibility=hidden"]
    subprocess.run([*compiler, *define, *include, str(SOURCES / "plugin.cpp"), "-o", str(target)], check=True)
    return target


def library(target: Path, code: str) -> None:
    subprocess.run(["g++", "-shared", "-fPIC", "-x", "c++", "-", "-o", str(target)], input=code, text=True, check=True)


def read_pair_style(folder: Path, plugin: Path, ranks: int = 1) -> Finished:
    deck = f"plugin clear\nplugin load {plugin}\nunits metal\npair_style mlip"
    return run_lammps(folder, deck, ranks=ranks, timeout=60)


def message(finished: Finished) -> str:
    """The one error of a run that has stopped; it names the command that helps."""
    assert finished.code != 0
    errors = re.findall(r"^ERROR: (.*)$", finished.output, re.MULTILINE)
    assert len(errors) == 1, finished.output
    assert "mlip-build-lammps-plugin --lammps-headers <folder> --mpi <folder or compiler>" in errors[0]
    return errors[0]


def test_another_version(tmp_path: Path) -> None:
    """Not "Unrecognized pair style"."""
    told = message(read_pair_style(tmp_path, loader(tmp_path, 20200101), ranks=2))
    assert f"Pair style mlip was compiled for LAMMPS 20200101, but this is LAMMPS {lammps_number()}." in told


def test_other_integer_sizes(tmp_path: Path) -> None:
    told = message(read_pair_style(tmp_path, loader(tmp_path, lammps_number(), sizes="BIGBIG"), ranks=2))
    assert "with integers tagint of 64, imageint of 64 and bigint of 64 bits, but this is a LAMMPS with" in told
    assert "tagint of 32, imageint of 32 and bigint of 64 bits." in told


@pytest.mark.parametrize(("macro", "name"), [("MPI_STUBS", "the MPI stubs of LAMMPS"), ("OPEN_MPI", "Open MPI")])
def test_another_mpi(tmp_path: Path, macro: str, name: str) -> None:
    (tmp_path / "mpi.h").write_text(f"#define {macro} 1\n")  # by which the kinds of MPI are told apart
    told = message(read_pair_style(tmp_path, loader(tmp_path, lammps_number(), mpi=tmp_path)))
    assert f"compiled for a LAMMPS with {name}, but this is one with MPICH" in told


def test_styles_that_cannot_be_loaded(tmp_path: Path) -> None:
    """Symbols that LAMMPS lacks, an engine that is gone, a file that was not copied along: what the loader says."""
    plugin = loader(tmp_path, lammps_number())
    told = message(read_pair_style(tmp_path, plugin, ranks=2))
    assert re.search(r"its library cannot be loaded into this LAMMPS: \S+/libmlip_lammps\.so: cannot open", told)
    library(tmp_path / "libmlip_lammps.so", "void gone(); void *use() { return (void *)&gone; }")
    assert "undefined symbol" in message(read_pair_style(tmp_path, plugin))


def test_another_interface_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if libmlip had been replaced under the plugin."""
    library(tmp_path / "other.so", 'extern "C" int mlip_interface_version() { return 1000; }')
    monkeypatch.setenv("LD_PRELOAD", str(tmp_path / "other.so"))
    finished = run_lammps(tmp_path, "units metal\npair_style mlip", timeout=60)
    assert finished.code != 0
    told = r"ERROR: Pair style mlip was compiled for interface \d+ of libmlip, but libmlip \S+ has interface 1000"
    assert re.search(told, finished.output), finished.output
