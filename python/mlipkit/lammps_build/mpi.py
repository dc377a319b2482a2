# SPDX-License-Identifier: MIT
"""Finding ``mpi.h``: its constants are compiled into the plugin, so it must be of the MPI that LAMMPS uses."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HEADER = "mpi.h"
COMPILERS = ("mpicxx", "mpic++", "mpicc")
STUBS = "MPI stubs of LAMMPS"


@dataclass(frozen=True)
class Mpi:
    """Attributes: folder of ``mpi.h``; kind, which decides about binary compatibility; name with version."""

    headers: Path
    kind: str
    name: str


def find_mpi(where: str | None = None) -> Mpi:
    """``where`` is a folder with ``mpi.h``, the prefix of an MPI, or one of its compilers; by default that of the PATH.

    Raises:
        ValueError: there is no ``mpi.h``.
    """
    if where is None:
        where = next((name for name in COMPILERS if shutil.which(name)), None)
        if where is None:
            raise ValueError(
                f"no MPI: {', '.join(COMPILERS)} are not in the PATH. Load the MPI module that LAMMPS was built with, "
                "or give --mpi with the folder of mpi.h (LAMMPS without MPI: its src/STUBS)"
            )
    folder = Path(where)
    for headers in (folder, folder / "include"):
        if (headers / HEADER).is_file():
            return _read(headers.resolve())
    if folder.is_dir():
        raise ValueError(f"--mpi {where}: neither {HEADER} nor include/{HEADER} is in this folder")
    return _read(_of_compiler(where))


def _of_compiler(name: str) -> Path:
    """Asks a wrapper compiler for the files that ``#include <mpi.h>`` leads to: all wrappers can tell that."""
    if shutil.which(name) is None:
        raise ValueError(f"--mpi {name}: neither a folder nor a compiler in the PATH")
    done = subprocess.run(
        [name, "-M", "-x", "c++", "-"], input=f"#include <{HEADER}>\n", capture_output=True, text=True, check=False
    )
    found = re.search(rf"((?:\\ |\S)+)/{re.escape(HEADER)}(?=\s|$)", done.stdout)
    if done.returncode != 0 or found is None:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ValueError(f"the compiler {name} finds no {HEADER}: {lines[0]}; give --mpi with the folder that has it")
    return Path(found.group(1).replace("\\ ", " ")).resolve()


def _read(headers: Path) -> Mpi:
    text = (headers / HEADER).read_text(errors="replace")

    def macro(name: str) -> str | None:
        found = re.search(rf'^\s*#\s*define\s+{name}\s+"?([\w.]+)', text, re.MULTILINE)
        return found.group(1) if found else None

    if re.search(r"define\s+MPI_STUBS\b", text):
        return Mpi(headers, STUBS, STUBS)
    if macro("OMPI_MAJOR_VERSION"):
        numbers = [macro(f"OMPI_{part}_VERSION") or "?" for part in ("MAJOR", "MINOR", "RELEASE")]
        return Mpi(headers, "Open MPI", f"Open MPI {'.'.join(numbers)}")
    for name, told in (("I_MPI_VERSION", "Intel MPI"), ("MVAPICH2_VERSION", "MVAPICH"), ("MPICH_VERSION", "MPICH")):
        if macro(name):
            return Mpi(headers, "MPICH", f"{told} {macro(name)}")
    return Mpi(headers, "MPICH", "unknown, taken for a relative of MPICH")


def kind_of(library_version: str) -> str:
    """Kind of MPI that a text of ``MPI_Get_library_version`` speaks of."""
    if "STUBS" in library_version:
        return STUBS
    return "Open MPI" if "Open MPI" in library_version else "MPICH"
