# SPDX-License-Identifier: MIT
"""A folder of flat arrays that holds any number of structures: written once, read at random, never in memory.

``header.json`` says what is in it and is written last. The arrays are ``.npy`` files that are mapped into memory, so
that only the pages that are used are read. Units are eV and angstrom.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipkit.data.errors import DataError

FORMAT = "mlipkit-data"
SCHEMA = 1
SUFFIX = ".mlipdata"
HEADER = "header.json"
CONDITIONS = ("total_charge", "spin_multiplicity")
N_ELEMENTS = 120  # atomic numbers stay below
CHUNK = 20_000  # structures whose atoms are counted at once
STRUCTURES, NUMBERS, POSITIONS, FORCES = "structures.npy", "numbers.npy", "positions.npy", "forces.npy"
UNITS = {"energy": "eV", "length": "angstrom", "forces": "eV/angstrom", "stress": "eV/angstrom^3"}

# One row per structure. A label or condition that it lacks is NaN.
RECORD = np.dtype(
    [
        ("first", "<i8"),  # row of its first atom in the arrays per atom
        ("n_atoms", "<i4"),
        ("task", "<i4"),  # index into "tasks" of the header
        ("config_type", "<i4"),  # index into "config_types"
        ("source", "<i4"),  # index into "sources"
        ("frame", "<i8"),  # index in the source
        ("pbc", "?", 3),
        ("has_forces", "?"),
        ("cell", "<f8", (3, 3)),
        ("energy", "<f8"),  # total
        ("stress", "<f8", 6),  # xx yy zz xy xz yz, tension positive
        ("largest_force", "<f8"),  # norm
        ("force_squares", "<f8"),  # sum over all components
        *((name, "<f8") for name in CONDITIONS),
    ]
)
PER_ATOM: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {
    NUMBERS: (np.dtype("u1"), ()),
    POSITIONS: (np.dtype("<f8"), (3,)),
    FORCES: (np.dtype("<f8"), (3,)),
}


def is_store(path: Path) -> bool:
    """Whether a path means a store: by its name, so that a missing or broken one gets the right message."""
    return path.suffix == SUFFIX


def output_file(name: str) -> str:
    """File of the labels of a named per-atom output."""
    return f"output-{name}.npy"


class Store:
    """An open store. Indexing reads one structure; threads may share it.

    Args:
        path: the folder.

    Raises:
        DataError: no store, incomplete, of another schema, changed since it was written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header = read_header(path)
        self.content_sha256: str = self.header["content_sha256"]
        self.tasks: list[str] = self.header["tasks"]
        self.config_types: list[str] = self.header["config_types"]
        self.outputs: dict[str, int] = self.header["outputs"]
        self.records = self._array(STRUCTURES)
        self.numbers, self.positions, self.forces = (self._array(name) for name in (NUMBERS, POSITIONS, FORCES))
        self.output_labels = {name: self._array(output_file(name)) for name in self.outputs}

    def __len__(self) -> int:
        return len(self.records)

    def origin(self, index: int) -> str:
        """File and frame that a structure came from."""
        record = self.records[index]
        return f"{self.header['sources'][record['source']]['path']}, frame {record['frame']}"

    def _array(self, name: str) -> NDArray[Any]:
        array: NDArray[Any] = np.load(self.path / name, mmap_mode="r")
        expected = self.header["arrays"][name]
        if list(array.shape) != expected["shape"]:
            raise DataError(f"{self.path / name} has shape {list(array.shape)}, its header says {expected['shape']}")
        return array.view(np.ndarray)  # the mapping stays, without the slow bookkeeping of np.memmap


def read_header(path: Path) -> dict[str, Any]:
    """The header of a store, verified; the arrays are compared with it by their sizes only.

    Raises:
        DataError: as :class:`Store`.
    """
    if not path.is_dir():
        raise DataError(f"data store {path} " + ("is no folder" if path.exists() else "does not exist"))
    try:
        header = json.loads((path / HEADER).read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is no complete data store ({HEADER}: {error}); write it again with mlip-convert"
        ) from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DataError(f"{path / HEADER} is not that of a data store; give the folder that mlip-convert wrote")
    if header.get("schema") != SCHEMA:
        raise DataError(
            f"{path} has schema {header.get('schema')}, this mlipkit reads {SCHEMA}; write it again with mlip-convert, "
            f"or use mlipkit {header.get('mlipkit')}"
        )
    if header.get("header_sha256") != header_digest(header):
        raise DataError(f"{path / HEADER} was changed after mlip-convert wrote it; take another copy")
    for name, entry in header["arrays"].items():
        size = (path / name).stat().st_size if (path / name).is_file() else -1
        if size != entry["bytes"]:
            what = "is missing" if size < 0 else f"has {size} bytes instead of {entry['bytes']}"
            raise DataError(f"{path / name} {what}: the copy of the data store is incomplete; take another one")
    return header


def header_digest(header: Mapping[str, Any]) -> str:
    """SHA-256 of everything in a header but itself."""
    content = {name: value for name, value in header.items() if name != "header_sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def content_digest(header: Mapping[str, Any]) -> str:
    """SHA-256 of what a store means: its arrays, through their digests, and the names that they refer to."""
    names = {name: header[name] for name in ("schema", "tasks", "config_types", "outputs")}
    arrays = {name: entry["sha256"] for name, entry in header["arrays"].items()}
    return hashlib.sha256(json.dumps([names, arrays], sort_keys=True).encode()).hexdigest()


def composition_chunks(store: Store, frames: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """[n, 120] atoms per element of structures, some at a time."""
    for start in range(0, len(frames), CHUNK):
        records = store.records[frames[start : start + CHUNK]]
        sizes = records["n_atoms"].astype(np.int64)
        rows = np.repeat(np.arange(len(records)), sizes)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        numbers = store.numbers[np.repeat(records["first"], sizes) + within]
        flat = np.bincount(rows * N_ELEMENTS + numbers, minlength=len(records) * N_ELEMENTS)
        yield flat.reshape(len(records), N_ELEMENTS)
