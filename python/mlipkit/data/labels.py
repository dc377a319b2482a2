# SPDX-License-Identifier: MIT
"""From an ASE frame to a labelled structure: keys, units, signs and checks.

ASE's extended-XYZ reader moves the standard names (energy, forces, stress, charges ...) into a calculator; other names
stay in ``info`` and ``arrays``. Labels are looked for in both places.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from mlipkit.data import units
from mlipkit.data.charge_spin import check_electrons
from mlipkit.data.config import DEFAULT_TASK, ISOLATED_ATOM, DataConfig, FileEntry, Label, parse_frames
from mlipkit.data.errors import DataError, nearest
from mlipkit.data.keys import Keys, UnitNames
from mlipkit.data.reading import HDF5_SUFFIXES, read_frames
from mlipkit.data.store import is_store
from mlipkit.data.stored import StoredStructures
from mlipkit.data.structure import Array, Structure
from mlipkit.data.wanted import Wanted

FLATTEST = 1e-4  # volume of the unit vectors of a cell, below which it counts as degenerate
_VOIGT_TO_OURS = [0, 1, 2, 5, 4, 3]  # xx yy zz yz xz xy -> xx yy zz xy xz yz


def read_structures(
    path: Path, entry: FileEntry, data: DataConfig, wanted: Wanted, source: str = ""
) -> list[Structure]:
    """All structures of one file or store; arguments and errors as :func:`iterate_structures`."""
    return list(iterate_structures(path, entry, data, wanted, source))


def iterate_structures(
    path: Path, entry: FileEntry, data: DataConfig, wanted: Wanted, source: str = ""
) -> Iterator[Structure]:
    """Structures of one file or store, one at a time, labels converted to eV and angstrom.

    Args:
        path: the file, or a folder that ``mlip-convert`` wrote.
        entry: how to read it; its keys and units go before those of ``data``.
        data: defaults, tasks and weights.
        wanted: labels and conditions that must be there.
        source: place of the entry in the configuration.

    Raises:
        DataError: unreadable file; a missing, NaN or misshapen label; a bad unit; an unknown task; charge and spin
            that do not fit each other.
    """
    if is_store(path):
        yield from StoredStructures(path, entry, data, wanted, source)
        return
    reader = _FrameReader(entry, data, path, wanted, source)
    for index, atoms in read_frames(path, parse_frames(entry.frames), entry.format):
        yield reader.structure(index, atoms)


def factors(names: UnitNames) -> units.Factors:
    """Conversion factors of the units of a file."""
    energy = units.factor(names.energy, units.ENERGY, "energy")
    length = units.factor(names.length, units.LENGTH, "length")
    return units.Factors(
        energy=energy,
        length=length,
        forces=units.factor(names.forces, units.FORCE, "forces") if names.forces else energy / length,
        stress=units.factor(names.stress, units.STRESS, "stress") if names.stress else energy / length**3,
        virial=energy,
    )


def states_units(path: Path, entry: FileEntry) -> bool:
    """Whether the file says itself what its numbers are in, so that ``data.units`` is not meant for it.

    Raises:
        DataError: the entry names units all the same.
    """
    if entry.format is not None or path.suffix not in HDF5_SUFFIXES:
        return False
    if entry.units is not None:
        raise DataError(f"{path} states its own units; remove `units` (mlip-convert: --unit) for it")
    return True


class _FrameReader:
    """Reads the frames of one file: keys, units and requirements are the same for all of them."""

    def __init__(self, entry: FileEntry, data: DataConfig, path: Path, wanted: Wanted, source: str) -> None:
        self.entry, self.data, self.file, self.wanted, self.source = entry, data, str(path), wanted, source
        self.keys: Keys = entry.keys or data.keys
        self.factors = factors(UnitNames() if states_units(path, entry) else entry.units or data.units)
        self.tasks = data.task_names()
        if entry.task is not None and entry.task not in self.tasks:
            raise DataError(f"{path}: unknown task {entry.task!r}{nearest(entry.task, self.tasks)}")

    def structure(self, frame: int, atoms: Atoms) -> Structure:
        where = f"{self.file}, frame {frame}"
        self._check_geometry(atoms, where)
        config_type = str(atoms.info.get(self.keys.config_type, ""))
        result = Structure(
            numbers=atoms.numbers.astype(np.int64),
            positions=atoms.positions * self.factors.length,
            cell=np.asarray(atoms.cell, dtype=np.float64) * self.factors.length,
            pbc=tuple(bool(periodic) for periodic in atoms.pbc),  # type: ignore[arg-type]
            file=self.file,
            frame=frame,
            task=self._task(atoms, where),
            config_type=config_type,
            weight=self.entry.weight * self.data.config_type_weights.get(config_type, 1.0),
            source=self.source,
        )
        isolated = config_type == ISOLATED_ATOM or (len(atoms) == 1 and not any(result.pbc))
        energy = self._label(atoms, "energy", self.keys.energy, where)
        if energy is not None:
            result.energy = float(_shaped(energy, [()], "energy", where)) * self.factors.energy
        forces = self._label(atoms, "forces", self.keys.forces, where, needed=not isolated)
        if forces is not None:
            result.forces = _shaped(forces, [(len(atoms), 3)], "forces", where, True) * self.factors.forces
        if all(result.pbc):
            result.stress = self._stress(atoms, result.volume, where, needed=not isolated)
        for name, key in self.keys.outputs.items():
            values = _find(atoms, key)
            if values is None and name not in self.entry.incomplete:
                raise DataError(
                    f"{where}: no values for output {name!r} under key {key!r}; {_present(atoms)}. Name the right key "
                    f"(data.keys.outputs.{name}), or list {name!r} under `incomplete` if only some frames have it"
                )
            if values is not None:
                result.outputs[name] = _per_atom(values, len(atoms), name, where)
        result.conditions = self._conditions(atoms, result.task, where)
        if self.data.keep_isolated_atoms or not isolated:  # which give E0, whatever their conditions
            check_electrons(result)
        return result

    def _check_geometry(self, atoms: Atoms, where: str) -> None:
        if len(atoms) == 0:
            raise DataError(f"{where}: no atoms; remove the frame")
        strays = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
        if len(strays) or not np.isfinite(atoms.cell).all():
            what = f"position of atom {strays[0]}" if len(strays) else "cell"
            raise DataError(f"{where}: the {what} holds NaN or infinity; remove the frame")
        if (atoms.numbers < 1).any():
            raise DataError(f"{where}: atom {int(np.argmin(atoms.numbers))} is of no known element (symbol X)")
        vectors = np.asarray(atoms.cell)[atoms.pbc]
        lengths = np.linalg.norm(vectors, axis=1)
        if (lengths == 0).any():
            raise DataError(f"{where}: periodic in a direction without a cell vector; give the Lattice or set pbc")
        # The product of the singular values is the volume of the unit vectors: 1 when orthogonal, 0 when degenerate.
        if len(vectors) and np.linalg.svd(vectors / lengths[:, None], compute_uv=False).prod() < FLATTEST:
            raise DataError(f"{where}: the cell vectors of the periodic directions are linearly dependent")

    def _task(self, atoms: Atoms, where: str) -> str:
        if self.entry.task is not None:
            return self.entry.task
        if self.keys.task is not None:
            name = atoms.info.get(self.keys.task)
            if name is None:
                raise DataError(f"{where}: no task under key {self.keys.task!r}; {_present(atoms)}")
            if name not in self.tasks:
                raise DataError(f"{where}: unknown task {name!r}{nearest(str(name), self.tasks)}")
            return str(name)
        if len(self.tasks) > 1:
            raise DataError(f"{self.file}: say which task its labels belong to (task: {' | '.join(self.tasks)})")
        return self.tasks[0] if self.tasks else DEFAULT_TASK

    def _label(self, atoms: Atoms, label: Label, key: str | None, where: str, needed: bool = True) -> Any:
        """Raw value; None where there is none and none is needed."""
        if key is None:
            return None
        value = _find(atoms, key)
        if value is None and needed and label in self.wanted.labels and label not in self.entry.incomplete:
            raise DataError(
                f"{where}: no {label} under key {key!r}; {_present(atoms)}. Name the right key "
                f"(data.keys.{label}; mlip-eval --key {label}=KEY), set it to null if the file has no such label, "
                f"or list {label!r} under `incomplete` if only some frames have it"
            )
        return value

    def _stress(self, atoms: Atoms, volume: float, where: str, needed: bool) -> Array | None:
        key = self.keys.stress or self.keys.virial
        value = self._label(atoms, "stress", key, where, needed)
        if value is None:
            return None
        name = "stress" if self.keys.stress else "virial"
        tensor = _shaped(value, [(6,), (3, 3), (9,)], name, where)
        if tensor.shape == (6,):
            tensor = tensor[_VOIGT_TO_OURS]
        else:
            tensor = tensor.reshape(3, 3)
            if not np.allclose(tensor, tensor.T, rtol=1e-3, atol=1e-3 * np.abs(tensor).max()):
                raise DataError(f"{where}: {name} under key {key!r} is not symmetric: {tensor.tolist()}")
            tensor = (0.5 * (tensor + tensor.T))[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
        if self.keys.stress:
            return tensor * self.factors.stress * (1.0 if self.entry.stress_sign == "tension" else -1.0)
        return -tensor * self.factors.virial / volume

    def _conditions(self, atoms: Atoms, task: str, where: str) -> dict[str, float]:
        values: dict[str, float] = {}
        for name, defaults in self.wanted.conditions.items():
            key = getattr(self.keys, name, name)
            value = atoms.info.get(key, defaults.get(task))
            if value is None:
                if name in self.wanted.optional:
                    continue
                raise DataError(
                    f"{where}: the model needs {name}, but there is none under key {key!r}; {_present(atoms)}. "
                    f"Set data.keys.{name}, or data.tasks.{task}.defaults.{name}"
                )
            values[name] = float(_shaped(value, [()], name, where))
        return values


def _find(atoms: Atoms, key: str) -> Any:
    results = atoms.calc.results if atoms.calc is not None else {}
    for place in (atoms.info, atoms.arrays, results):
        if key in place and place[key] is not None:
            return place[key]
    return None


def _present(atoms: Atoms) -> str:
    results = list(atoms.calc.results) if atoms.calc is not None else []
    names = sorted({*atoms.info, *atoms.arrays, *results} - {"numbers", "positions"})
    return f"keys present: {', '.join(names) or 'none'}"


def _shaped(value: Any, shapes: list[tuple[int, ...]], name: str, where: str, per_atom: bool = False) -> Array:
    """The value as float64, if it is finite and has one of the shapes."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: {name} is not numeric: {value!r}") from None
    if array.shape not in shapes:
        expected = " or ".join(str(list(shape)) if shape else "one number" for shape in shapes)
        raise DataError(f"{where}: {name} has shape {list(array.shape)}, expected {expected}")
    if not np.isfinite(array).all():
        atom = f" of atom {np.argwhere(~np.isfinite(array))[0][0]}" if per_atom else ""
        raise DataError(
            f"{where}: {name}{atom} holds NaN or infinity: the calculation failed there, or wrote a placeholder; "
            "remove the frame or the label"
        )
    return array


def _per_atom(value: Any, n_atoms: int, name: str, where: str) -> Array:
    width = np.shape(value)[1] if np.ndim(value) == 2 else 1
    return _shaped(value, [(n_atoms,), (n_atoms, width)], f"output {name!r}", where, True)
