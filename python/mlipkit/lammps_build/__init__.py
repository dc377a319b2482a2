# SPDX-License-Identifier: MIT
"""Builds the LAMMPS plugin for a LAMMPS of the user's own; ``mlip-build-lammps-plugin`` is its face.

The plugin's sources lie in the package beside libmlip and its header.
"""

from mlipkit.lammps_build.compilation import compile_plugin, compiler, has_old_strings, missing_symbols
from mlipkit.lammps_build.headers import SIZES, Lammps, find_lammps
from mlipkit.lammps_build.mpi import Mpi, find_mpi
from mlipkit.lammps_build.program import Program, ask_program, try_plugin

__all__ = [
    "SIZES",
    "Lammps",
    "Mpi",
    "Program",
    "ask_program",
    "compile_plugin",
    "compiler",
    "find_lammps",
    "find_mpi",
    "has_old_strings",
    "missing_symbols",
    "try_plugin",
]
