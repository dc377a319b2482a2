# SPDX-License-Identifier: MIT
"""Compiling: CMake runs the project in the package's folder ``lammps_plugin``."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from mlipkit._libraries import library_folder
from mlipkit.interfaces.lammps import find_program
from mlipkit.lammps_build.headers import Lammps
from mlipkit.lammps_build.mpi import Mpi

STYLES = "libmlip_lammps.so"
PLUGIN = "mlipplugin.so"
COMPILERS = ("c++", "g++", "clang++", "icpx")
LOG = "mlip-build.log"
OLD_STRINGS = "-D_GLIBCXX_USE_CXX11_ABI=0"


def compile_plugin(lammps: Lammps, mpi: Mpi, output: Path) -> Path:
    """Leaves the plugin and its library in ``output``, an existing folder; returns the path of the plugin.

    Raises:
        ValueError: a tool is missing or fails; its output is then in ``mlip-build.log`` there.
    """
    package = library_folder().parent
    sources = package / "lammps_plugin"
    if not (sources / "CMakeLists.txt").is_file():
        raise ValueError(f"the plugin's sources are not in {sources}: reinstall mlipkit")
    cmake, environment = _cmake(), {**os.environ, "CXX": compiler()}
    flags = f"{os.environ.get('CXXFLAGS', '')} {OLD_STRINGS}" if has_old_strings(lammps.library) else ""
    settings = {
        "MLIP_PACKAGE": package,
        "MLIP_LAMMPS_HEADERS": lammps.headers,
        "MLIP_LAMMPS_VERSION": lammps.version,
        "MLIP_LAMMPS_SIZES": lammps.sizes.upper(),
        "MLIP_MPI_HEADERS": mpi.headers,
        **({"CMAKE_CXX_FLAGS": flags} if flags else {}),
    }
    (output / LOG).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="mlip-plugin-") as build:
        commands: list[list[str]] = [
            [cmake, "-S", str(sources), "-B", build, *(f"-D{name}={value}" for name, value in settings.items())],
            [cmake, "--build", build],
            [cmake, "--install", build, "--prefix", str(output)],
        ]
        told = ""
        for command in commands:
            done = subprocess.run(
                command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
            told += done.stdout
            if done.returncode != 0:
                (output / LOG).write_text(told)
                raise ValueError(f"compiling failed: {_reason(told)}. The whole output is in {output / LOG}")
    return output / PLUGIN


def compiler() -> str:
    """The C++ compiler: ``CXX``, else one of the PATH."""
    chosen = os.environ.get("CXX") or next((name for name in COMPILERS if shutil.which(name)), None)
    if chosen is None:
        raise ValueError(f"no C++ compiler: CXX is not set, and {', '.join(COMPILERS)} are not in the PATH")
    if shutil.which(chosen.split()[0]) is None:
        raise ValueError(f"no C++ compiler: CXX is {chosen!r}, which is not in the PATH")
    return chosen


def _cmake() -> str:
    try:
        return find_program("cmake")
    except FileNotFoundError:
        raise ValueError("cmake is not in the PATH: load a module that has it, or pip install cmake") from None


def _reason(output: str) -> str:
    """The first line of a compiler that says what is wrong, else the first message of CMake."""
    lines = [line.strip() for line in output.splitlines()]
    for line in lines:
        if "error:" in line or "undefined reference" in line:
            return line
    start = next((number for number, line in enumerate(lines) if line.startswith("CMake Error")), -2)
    return " ".join([line for line in lines[start + 1 :] if line][:4]) or "no output"


def has_old_strings(library: Path | None) -> bool:
    """Whether a library was compiled with the std::string of before GCC 5, as the wheels for manylinux2014 are."""
    names = [name for name in _symbols(library, "--defined-only") if "LAMMPS_NS" in name] if library else []
    return bool(names) and not any("__cxx11" in name for name in names)


def missing_symbols(folder: Path, library: Path) -> list[str] | None:
    """What the compiled styles want of LAMMPS and its library lacks; None where that cannot be found out."""
    wanted, there = _symbols(folder / STYLES, "--undefined-only"), _symbols(library, "--defined-only")
    if not wanted or not there:
        return None
    # the second: the {fmt} of LAMMPS, whose namespace bears its version
    return sorted(name for name in wanted - there if re.search(r"LAMMPS_NS|3fmt\d+v\d+_lmp", name))


def _symbols(library: Path, which: str) -> set[str]:
    """Dynamic symbols; empty without ``nm``, which comes with every compiler."""
    if shutil.which("nm") is None:
        return set()
    done = subprocess.run(["nm", "-D", which, str(library)], capture_output=True, text=True, check=False)
    return {line.split()[-1].split("@")[0] for line in done.stdout.splitlines() if line.strip()}
