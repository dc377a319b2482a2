# SPDX-License-Identifier: MIT
"""Writing a store as structures come, in constant memory; what is not complete never bears the name of a store."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

import mlipkit
from mlipkit.data import store
from mlipkit.data.errors import DataError
from mlipkit.data.structure import Structure

ALIGNMENT = 64  # of the numbers in a .npy file
DIGITS = 24  # room for the number of rows and the end of the line
BUFFER_BYTES = 1 << 22


class ArrayWriter:
    """Appends rows to a ``.npy`` file.

    Args:
        path: of the file.
        dtype: of the array.
        row: shape of a row.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], row: tuple[int, ...]) -> None:
        self.path, self.dtype, self.row = path, dtype, row
        self.rows = 0
        self._header_bytes = 0
        self._digest = hashlib.sha256()
        self._stream = open(path, "wb", buffering=BUFFER_BYTES)  # noqa: SIM115
        self._stream.write(self._header())

    def append(self, values: NDArray[Any]) -> None:
        """Adds rows, [n, *row]."""
        rows = np.asarray(values, dtype=self.dtype).reshape(-1, *self.row)
        content = rows.tobytes()
        self._stream.write(content)
        self._digest.update(content)
        self.rows += len(rows)

    def close(self) -> dict[str, Any]:
        """Completes the file on the disk; gives its entry in the header of the store."""
        size = self._stream.tell()
        self._stream.seek(0)
        self._stream.write(self._header())
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        return {"shape": [self.rows, *self.row], "bytes": size, "sha256": self._digest.hexdigest()}

    def abandon(self) -> None:
        self._stream.close()

    def _header(self) -> bytes:
        """Of version 2.0 of the format; always of the same length, so that the number of rows can be filled in."""
        content = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self.row),
        }
        magic = np.lib.format.magic(2, 0)
        if not self._header_bytes:
            self._header_bytes = -(-(len(magic) + 4 + len(repr(content)) + DIGITS) // ALIGNMENT) * ALIGNMENT
        room = self._header_bytes - len(magic) - 4
        return magic + struct.pack("<I", room) + repr(content).ljust(room - 1).encode() + b"\n"


class Names:
    """Names by index, in the order in which they first came, and how often they came."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._indices: dict[str, int] = {}

    def index(self, name: str) -> int:
        self.counts[name] += 1
        return self._indices.setdefault(name, len(self._indices))


class StoreWriter:
    """Writes a store; use as a context manager and call :meth:`finish`.

    The arrays grow in a folder with ``.part`` after the name, which takes the name of the store when all is complete.

    Args:
        path: of the store; it must not exist.

    Raises:
        DataError: it exists, or its name has another suffix.
    """

    def __init__(self, path: Path) -> None:
        if not store.is_store(path):
            raise DataError(f"data store {path}: its name must end in {store.SUFFIX}")
        if path.exists():
            raise DataError(f"{path} exists already; remove it or choose another name")
        self.path = path
        self.folder = path.with_name(path.name + ".part")
        shutil.rmtree(self.folder, ignore_errors=True)  # of a conversion that was killed
        self.folder.mkdir(parents=True)
        self.arrays = {name: ArrayWriter(self.folder / name, *kind) for name, kind in store.PER_ATOM.items()}
        self.structures = ArrayWriter(self.folder / store.STRUCTURES, store.RECORD, ())
        self.outputs: dict[str, ArrayWriter] = {}
        self.sources: dict[str, int] = {}
        self.tasks, self.config_types = Names(), Names()
        self.species = np.zeros(256, dtype=np.int64)
        self.labels = 0  # structures with energy, forces or stress
        self.finished = False

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.finished:
            for array in (*self.arrays.values(), *self.outputs.values(), self.structures):
                array.abandon()
            shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, structure: Structure) -> None:
        """Appends one structure.

        Raises:
            DataError: an output that has another width than before.
        """
        first, n_atoms = self.arrays[store.NUMBERS].rows, len(structure)
        record = np.zeros((), dtype=store.RECORD)
        record["first"], record["n_atoms"], record["frame"] = first, n_atoms, structure.frame
        record["task"] = self.tasks.index(structure.task)
        record["config_type"] = self.config_types.index(structure.config_type)
        record["source"] = self.sources.setdefault(structure.file, len(self.sources))
        record["pbc"], record["cell"] = structure.pbc, structure.cell
        record["energy"] = np.nan if structure.energy is None else structure.energy
        record["stress"] = np.nan if structure.stress is None else structure.stress
        forces = np.full((n_atoms, 3), np.nan) if structure.forces is None else structure.forces
        record["has_forces"] = structure.forces is not None
        record["force_squares"] = np.square(forces).sum()
        record["largest_force"] = np.sqrt(np.square(forces).sum(axis=1).max())
        for name in store.CONDITIONS:
            record[name] = structure.conditions.get(name, np.nan)
        self.labels += any(label is not None for label in (structure.energy, structure.forces, structure.stress))
        self._add_outputs(structure, first)
        self.structures.append(record)
        self.arrays[store.NUMBERS].append(structure.numbers)
        self.arrays[store.POSITIONS].append(structure.positions)
        self.arrays[store.FORCES].append(forces)
        self.species += np.bincount(structure.numbers, minlength=256)

    def _add_outputs(self, structure: Structure, first: int) -> None:
        for name, values in structure.outputs.items():
            width = values.size // len(structure)
            if name not in self.outputs:
                file = self.folder / store.output_file(name)
                self.outputs[name] = ArrayWriter(file, np.dtype("<f8"), (width,))
            if self.outputs[name].row != (width,):
                raise DataError(
                    f"{structure.where}: output {name!r} has {width} values per atom, frames before it have "
                    f"{self.outputs[name].row[0]}"
                )
            self._fill(self.outputs[name], first)
            self.outputs[name].append(values)

    @staticmethod
    def _fill(array: ArrayWriter, rows: int) -> None:
        """NaN for atoms that came without the output."""
        while array.rows < rows:
            array.append(np.full((min(rows - array.rows, 1 << 16), *array.row), np.nan))

    def finish(self, sources: list[dict[str, Any]], provenance: dict[str, Any]) -> dict[str, Any]:
        """Completes the store and gives it its name; returns the header.

        Args:
            sources: an entry with at least ``path`` per source, in the order of their first structures.
            provenance: how the store came about, JSON-able.
        """
        for array in self.outputs.values():
            self._fill(array, self.arrays[store.NUMBERS].rows)
        written = {store.STRUCTURES: self.structures, **self.arrays}
        written.update({store.output_file(name): array for name, array in self.outputs.items()})
        header: dict[str, Any] = {
            "format": store.FORMAT,
            "schema": store.SCHEMA,
            "mlipkit": mlipkit.__version__,
            "units": store.UNITS,
            "structures": self.structures.rows,
            "atoms": self.arrays[store.NUMBERS].rows,
            "species": {chemical_symbols[z]: int(n) for z, n in enumerate(self.species) if n},
            "tasks": list(self.tasks.counts),
            "config_types": list(self.config_types.counts),
            "structures_per_task": dict(self.tasks.counts),
            "structures_per_config_type": dict(self.config_types.counts),
            "outputs": {name: array.row[0] for name, array in self.outputs.items()},
            "sources": sources,
            "arrays": {name: array.close() for name, array in written.items()},
        }
        header["statistics"] = _statistics(np.load(self.folder / store.STRUCTURES, mmap_mode="r"))
        header["provenance"] = provenance
        header["content_sha256"] = store.content_digest(header)
        header["header_sha256"] = store.header_digest(header)
        with open(self.folder / store.HEADER, "w") as stream:
            stream.write(json.dumps(header, indent=1) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(self.folder, self.path)
        self.finished = True
        return header


def _statistics(records: NDArray[Any]) -> dict[str, Any]:
    """Of the labels, in eV and angstrom; null where there are none."""
    energies = records["energy"] / records["n_atoms"]
    energies = energies[np.isfinite(energies)]
    with_forces = records["has_forces"]
    components = 3 * int(records["n_atoms"][with_forces].sum(dtype=np.int64))
    squares = float(records["force_squares"][with_forces].sum())
    return {
        "energies": len(energies),
        "forces": int(with_forces.sum()),
        "stresses": int(np.isfinite(records["stress"][:, 0]).sum()),
        "energy_per_atom": [float(energies.min()), float(energies.max())] if len(energies) else None,
        "forces_rms": float(np.sqrt(squares / components)) if components else None,
        "largest_force": float(records["largest_force"][with_forces].max()) if components else None,
        "largest_structure": int(records["n_atoms"].max()) if len(records) else 0,
    }
