# SPDX-License-Identifier: MIT
"""Extended XYZ, read by ASE, with two things added: a broken frame is named, and no frame is lost silently.

ASE stops at the first empty line, so that of two files joined with an empty line between them it reads the first only.
"""

from __future__ import annotations

import io

from ase import Atoms
from ase.io import iread

from mlipkit.data.errors import DataError


def parse(text: str, file: str) -> list[Atoms]:
    """All frames of a text.

    Args:
        text: content of the file.
        file: its name, for messages.

    Raises:
        DataError: naming frame and line where the text is no extended XYZ.
    """
    if not text.strip():
        return []
    first_lines = _first_lines(text.removesuffix("\n").split("\n"), file)
    images: list[Atoms] = []
    try:
        for atoms in iread(io.StringIO(text), ":", format="extxyz"):
            images.append(atoms)
    except Exception as error:  # ASE raises many types; all mean that this frame is broken
        frame = len(images)
        place = f"{file}, frame {frame} (line {first_lines[frame]})" if frame < len(first_lines) else file
        raise DataError(
            f"{place} cannot be read ({type(error).__name__}: {error}); mend or remove the frame"
        ) from error
    return images


def _first_lines(lines: list[str], file: str) -> list[int]:
    """Number of the first line of each frame, counted from 1."""
    found: list[int] = []
    at = 0
    while at < len(lines):
        where = f"{file}, frame {len(found)} (line {at + 1})"
        if not lines[at].strip():
            follows = next((number for number in range(at, len(lines)) if lines[number].strip()), None)
            if follows is None:
                break
            raise DataError(f"{where}: an empty line, but more text at line {follows + 1}; remove the empty line")
        try:
            n_atoms = int(lines[at])
        except ValueError:
            n_atoms = -1
        if n_atoms < 0:
            raise DataError(
                f"{where} cannot be read: expected a number of atoms, found {lines[at][:60]!r}; is it extended XYZ, "
                "and has the frame before it as many atoms as it says?"
            )
        if at + 2 + n_atoms > len(lines):
            raise DataError(
                f"{where} cannot be read: it says {n_atoms} atoms, but the file ends after {len(lines) - at - 2}; "
                "was it cut off?"
            )
        found.append(at + 1)
        at += 2 + n_atoms
        while at < len(lines) and lines[at].lstrip().startswith("VEC"):
            at += 1
    return found
