# SPDX-License-Identifier: MIT
"""Reading data files frame by frame: unpacking, formats, checksums, and one clear message when a file is unusable."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import ase.db
import numpy as np
from ase import Atoms
from ase.io import iread

from mlipkit.data.errors import DataError
from mlipkit.data.extxyz import iterate

_OPENERS: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
_EXTXYZ_SUFFIXES = {".extxyz", ".xyz"}
ROWS = 1000  # of a database that are in memory at once
HDF5_SUFFIXES = {".hdf5", ".h5"}  # files that state their own units


def read_frames(path: Path, frames: slice = slice(None), format: str | None = None) -> Iterator[tuple[int, Atoms]]:
    """Frames of a file with their indices, read as they are asked for: the file need not fit into memory.

    Only a slice that counts from the end reads the whole file first.

    Args:
        path: of any format that ASE reads, optionally compressed; a database of ASE; HDF5 in the layout of SPICE.
        frames: which ones to take.
        format: name of the format in ASE; None takes it from the file name, ``.xyz`` as extended XYZ.

    Raises:
        DataError: missing or unreadable file, or no frames in it.
    """
    if not path.is_file():
        raise DataError(f"data file {path} " + ("is a folder" if path.is_dir() else "does not exist"))
    numbered = enumerate(_clear(_frames(path, format), path))
    bounds = (frames.start or 0, frames.stop or 0, frames.step or 1)
    found = (
        iter(list(numbered)[frames]) if min(bounds) < 0 else islice(numbered, frames.start, frames.stop, frames.step)
    )
    first = next(found, None)
    if first is None:
        empty = next(_clear(_frames(path, format), path), None) is None
        raise DataError(f"data file {path} is empty: " + ("it holds no frames" if empty else f"no frame in {frames}"))
    yield first
    yield from found


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file as it lies on the disk."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _frames(path: Path, format: str | None) -> Iterator[Atoms]:
    inner = Path(path.stem) if path.suffix in _OPENERS else path
    if format == "extxyz" or (format is None and inner.suffix in _EXTXYZ_SUFFIXES):
        with _OPENERS.get(path.suffix, open)(path, "rt") as stream:
            yield from iterate(stream, str(path))
    elif format is None and path.suffix in HDF5_SUFFIXES:
        from mlipkit.data.hdf5 import spice_frames

        yield from spice_frames(path)
    elif format == "db" or (format is None and path.suffix == ".db"):
        yield from _database(path)
    else:
        yield from iread(path, ":", format=format)


def _database(path: Path) -> Iterator[Atoms]:
    """Rows of an ASE database; key-value pairs and data join ``info``, data with a value per atom ``arrays``."""
    with ase.db.connect(path, type="db", serial=True) as database:
        first = 0
        while rows := list(database.select(f"id>{first}", sort="id", limit=ROWS)):  # a query fetches all its rows
            for row in rows:
                atoms = row.toatoms()
                atoms.info.update(row.key_value_pairs)
                for name, value in row.data.items():
                    place = atoms.arrays if len(np.shape(value)) > 0 and len(value) == len(atoms) else atoms.info
                    place.setdefault(name, np.asarray(value) if place is atoms.arrays else value)
                yield atoms
            first = rows[-1].id


def _clear(found: Iterator[Atoms], path: Path) -> Iterator[Atoms]:
    """The same frames; whatever goes wrong is a :class:`DataError`."""
    with closing(found):  # type: ignore[type-var]
        try:
            yield from found
        except DataError:
            raise
        except Exception as error:  # ASE raises many types; all mean the same to the user
            raise DataError(f"data file {path} cannot be read ({type(error).__name__}: {error})") from error
