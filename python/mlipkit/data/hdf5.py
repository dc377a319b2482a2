# SPDX-License-Identifier: MIT
"""HDF5 in the layout of the SPICE data set: a group per molecule, its conformations side by side.

A group holds ``atomic_numbers`` [N], ``conformations`` [M, N, 3], and datasets whose first axis are the M
conformations: ``dft_total_energy`` [M], ``dft_total_gradient`` [M, N, 3], ``mbis_charges`` [M, N, 1] and the like.
Their attribute ``units`` says what they are in, Hartree and Bohr where it is missing. ``subset`` and ``smiles`` hold
one text. (Eastman et al., Sci. Data 10, 11, 2023.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from mlipkit.data import units
from mlipkit.data.errors import DataError, nearest

REQUIRED = ("atomic_numbers", "conformations")
ENERGY, GRADIENT = "dft_total_energy", "dft_total_gradient"
_DEFAULT_UNITS = {"conformations": "Bohr", ENERGY: "Hartree", GRADIENT: "Hartree/Bohr"}
_DIMENSIONS = (units.ENERGY, units.LENGTH, units.FORCE)
MOST_PER_ATOM = 3  # multipoles and matrices of bond orders are no labels
_CHARGED = re.compile(r"\[[^\]]*?(\++|-+)(\d*)(?::\d+)?\]")  # a charge ends the atom, but for its number in the map


def spice_frames(path: Path) -> Iterator[Atoms]:
    """Conformations of all molecules, in eV and angstrom, one molecule in memory at a time.

    Energy and forces are under the standard names; ``info`` and ``arrays`` hold the other numbers per conformation and
    per atom under their own. ``config_type`` is the subset. ``total_charge`` is that of the file, or the sum of the
    formal charges in ``smiles``.

    Raises:
        DataError: another layout, or a dataset whose shape does not fit the molecule.
    """
    with h5py.File(path, "r") as file:
        for name, group in file.items():
            where = f"{path}, group {name!r}"
            if not isinstance(group, h5py.Group):
                raise DataError(f"{where} is a dataset; expected the layout of SPICE: one group per molecule")
            for needed in REQUIRED:
                if needed not in group:
                    raise DataError(
                        f"{where} lacks {needed!r}{nearest(needed, group)}; expected the layout of SPICE: "
                        f"{', '.join((*REQUIRED, ENERGY, GRADIENT))}"
                    )
            yield from _conformations(group, where)


def _conformations(group: h5py.Group, where: str) -> Iterator[Atoms]:
    numbers = np.asarray(group["atomic_numbers"], dtype=np.int64)
    positions = _values(group["conformations"], where)
    if positions.shape[1:] != (len(numbers), 3):
        raise DataError(f"{where}: conformations {list(positions.shape)} do not fit {len(numbers)} atomic_numbers")
    common: dict[str, Any] = {"config_type": _text(group, "subset"), "molecule": group.name.strip("/")}
    charge = _total_charge(group)
    if charge is not None:
        common["total_charge"] = charge
    per_frame, per_atom = {}, {}
    for name, entry in group.items():
        if name in REQUIRED or not isinstance(entry, h5py.Dataset) or entry.shape[:1] != positions.shape[:1]:
            continue
        if entry.dtype.kind not in "fiu":
            continue
        if entry.ndim == 1:
            per_frame[name] = _values(entry, where)
        elif entry.shape[1] == len(numbers) and entry.ndim <= 3 and np.prod(entry.shape[2:]) <= MOST_PER_ATOM:
            values = _values(entry, where)
            per_atom[name] = values[..., 0] if values.shape[2:] == (1,) else values
    for index, places in enumerate(positions):
        atoms = Atoms(numbers, positions=places, info=dict(common))
        results: dict[str, Any] = {}
        for name, values in per_frame.items():
            atoms.info[name] = float(values[index])
        for name, values in per_atom.items():
            atoms.arrays[name] = values[index]
        if ENERGY in per_frame:
            results["energy"] = atoms.info[ENERGY]
        if GRADIENT in per_atom:
            results["forces"] = -per_atom[GRADIENT][index]
        if results:
            atoms.calc = SinglePointCalculator(atoms, **results)
        yield atoms


def _values(entry: h5py.Dataset, where: str) -> np.ndarray:
    """Numbers in eV and angstrom where their unit is made of those, else as they are."""
    name = entry.name.rsplit("/", 1)[-1]
    unit = entry.attrs.get("units", _DEFAULT_UNITS.get(name))
    values = np.asarray(entry, dtype=np.float64)
    if isinstance(unit, bytes):
        unit = unit.decode()
    for dimension in _DIMENSIONS if unit is not None else ():
        try:
            return values * units.factor(unit, dimension, name)
        except DataError:
            continue
    if name in _DEFAULT_UNITS:
        raise DataError(f"{where}: {name} is in {unit!r}, which is no unit that mlipkit knows for it")
    return values


def _text(group: h5py.Group, name: str) -> str:
    if name not in group:
        return ""
    value = np.asarray(group[name]).ravel()[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def _total_charge(group: h5py.Group) -> float | None:
    """In e; None where the file says nothing about it."""
    if "total_charge" in group:
        return float(np.asarray(group["total_charge"]).ravel()[0])
    smiles = _text(group, "smiles")
    if not smiles:
        return None
    found = _CHARGED.findall(smiles)
    return float(
        sum((1 if signs[0] == "+" else -1) * (int(digits) if digits else len(signs)) for signs, digits in found)
    )
