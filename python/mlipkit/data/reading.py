# SPDX-License-Identifier: MIT
"""Reading data files with ASE: unpacking, formats, checksums, and one clear message when a file is unusable."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.io import read

from mlipkit.data.errors import DataError
from mlipkit.data.extxyz import parse

_OPENERS: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
_EXTXYZ_SUFFIXES = {".extxyz", ".xyz"}


def read_frames(path: Path, frames: slice = slice(None), format: str | None = None) -> list[tuple[int, Atoms]]:
    """Frames of a file with their indices.

    Compressed text is unpacked as a whole first: ASE seeks in the stream for every frame, which is quadratic in the
    length of an xz stream.

    Args:
        path: of any format that ASE reads, optionally compressed.
        frames: which ones to take.
        format: name of the format in ASE; None takes it from the file name, ``.xyz`` as extended XYZ.

    Raises:
        DataError: missing or unreadable file, or no frames in it.
    """
    if not path.is_file():
        raise DataError(f"data file {path} " + ("is a folder" if path.is_dir() else "does not exist"))
    inner = Path(path.stem) if path.suffix in _OPENERS else path
    if format is None and inner.suffix in _EXTXYZ_SUFFIXES:
        format = "extxyz"
    try:
        if format == "extxyz":
            opener = _OPENERS.get(path.suffix, open)
            with opener(path, "rt") as stream:
                text = stream.read()
            images = parse(text, str(path))
        else:
            images = list(read(path, ":", format=format))
    except DataError:
        raise
    except Exception as error:  # ASE raises many types; all mean the same to the user
        raise DataError(f"data file {path} cannot be read ({type(error).__name__}: {error})") from error
    chosen = list(enumerate(images))[frames]
    if not chosen:
        raise DataError(f"data file {path} is empty: " + (f"no frame in {frames}" if images else "it holds no frames"))
    return chosen


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file as it lies on the disk."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
