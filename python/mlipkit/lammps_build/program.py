# SPDX-License-Identifier: MIT
"""The LAMMPS program itself: what it says of its build, and whether it takes the plugin."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlipkit.doctor.lammps_runs import lammps_version
from mlipkit.lammps_build.mpi import kind_of

SECONDS = 120.0
KNOWN = "mlipkit: pair_style mlip is known"


@dataclass(frozen=True)
class Program:
    """What ``lmp -h`` tells."""

    path: str
    version: int
    sizes: str | None
    mpi: str  # as the library describes itself
    mpi_kind: str


def ask_program(name: str) -> Program:
    """Raises ValueError where it does not start, or is no LAMMPS with the PLUGIN package."""
    path = shutil.which(name)
    if path is None:
        raise ValueError(f"--lmp {name}: no such program")
    output = _run([path, "-h"])
    version = lammps_version(output)
    if version is None:
        lines = output.strip().splitlines() or ["no output"]
        raise ValueError(f"--lmp {name}: `{name} -h` does not print a version of LAMMPS, but: {lines[-1]}")
    if not re.search(r"^[A-Z].*\bPLUGIN\b", output, re.MULTILINE):
        raise ValueError(
            f"{path} was built without the PLUGIN package, so it cannot load plugins; build LAMMPS again with "
            "-D PKG_PLUGIN=yes -D BUILD_SHARED_LIBS=yes"
        )
    sizes = re.search(r"^-DLAMMPS_(\w+BIG|SMALLSMALL)\b", output, re.MULTILINE)
    mpi = re.search(r"^MPI v[\d.]+: *(.*\S)", output, re.MULTILINE)
    told = re.sub(r"\s+", " ", mpi.group(1)) if mpi else "MPI that it does not name"
    return Program(path, int(version[1]), sizes.group(1).lower() if sizes else None, told, kind_of(told))


def try_plugin(program: Program, plugin: Path) -> None:
    """Lets the program load the plugin and make the pair style.

    Raises:
        ValueError: it does not; the message holds what LAMMPS said.
    """
    # a LAMMPS that loads the packaged plugin by itself must let go of it
    deck = f'plugin clear\nplugin load "{plugin}"\nunits metal\npair_style mlip\nprint "{KNOWN}"\n'
    with tempfile.TemporaryDirectory(prefix="mlip-plugin-") as folder:
        file = Path(folder) / "try.in"
        file.write_text(deck)
        output = _run([program.path, "-in", str(file), "-log", "none"])
    if KNOWN not in output.splitlines():
        lines = [line.strip() for line in output.splitlines()]
        told = [line for line in lines if "ERROR" in line or "failed" in line] or lines[-1:] or ["nothing"]
        raise ValueError(f"the plugin was built, but {program.path} does not take it; it says: {'; '.join(told)}")


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"{command[0]} does not run here: {error}; leave --lmp out") from error
    return done.stdout + done.stderr
