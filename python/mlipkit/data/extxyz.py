# SPDX-License-Identifier: MIT
"""Extended XYZ, read by ASE, with two things added: a broken frame is named, and no frame is lost silently.

ASE stops at the first empty line, so that of two files joined with an empty line between them it reads the first only.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from ase import Atoms
from ase.io import iread

from mlipkit.data.errors import DataError


def iterate(stream: Iterable[str], file: str) -> Iterator[Atoms]:
    """The frames of a text, one at a time, so that files need not fit into memory.

    Args:
        stream: lines of the text, each with its end.
        file: its name, for messages.

    Raises:
        DataError: naming frame and line where the text is no extended XYZ.
    """
    for frame, (line, text) in enumerate(_texts(_Lines(stream), file)):
        try:
            (atoms,) = iread(io.StringIO(text), ":", format="extxyz")
        except Exception as error:  # ASE raises many types; all mean that this frame is broken
            raise DataError(
                f"{file}, frame {frame} (line {line}) cannot be read ({type(error).__name__}: {error}); mend or remove "
                "the frame"
            ) from error
        yield atoms


class _Lines:
    """Lines with their numbers, counted from 1; the last one can be put back."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._lines = enumerate(stream, 1)
        self._put_back: tuple[int, str] | None = None

    def next(self) -> tuple[int, str] | None:
        found, self._put_back = self._put_back or next(self._lines, None), None
        return found

    def put_back(self, line: tuple[int, str]) -> None:
        self._put_back = line


def _texts(lines: _Lines, file: str) -> Iterator[tuple[int, str]]:
    """Number of the first line and text of each frame; a frame is given when what follows it begins like one."""
    frame = 0
    n_atoms = _n_atoms(lines, file, frame)
    while n_atoms is not None:
        at, head = lines.next() or (0, "")
        text = [head]
        for _ in range(1 + n_atoms):
            if (line := lines.next()) is None:
                raise DataError(
                    f"{file}, frame {frame} (line {at}) cannot be read: it says {n_atoms} atoms, but the file ends "
                    f"after {len(text) - 2}; was it cut off?"
                )
            text.append(line[1])
        while (line := lines.next()) is not None:
            if not line[1].lstrip().startswith("VEC"):
                lines.put_back(line)
                break
            text.append(line[1])
        frame += 1
        n_atoms = _n_atoms(lines, file, frame)
        yield at, "".join(text)


def _n_atoms(lines: _Lines, file: str, frame: int) -> int | None:
    """What the first line of the next frame says, which is put back; None where there is no more text."""
    if (first := lines.next()) is None:
        return None
    at, head = first
    where = f"{file}, frame {frame} (line {at})"
    if not head.strip():
        while (follows := lines.next()) is not None:
            if follows[1].strip():
                raise DataError(f"{where}: an empty line, but more text at line {follows[0]}; remove the empty line")
        return None
    try:
        n_atoms = int(head)
    except ValueError:
        n_atoms = -1
    if n_atoms < 0:
        raise DataError(
            f"{where} cannot be read: expected a number of atoms, found {head.rstrip()[:60]!r}; is it extended XYZ, "
            "and has the frame before it as many atoms as it says?"
        )
    lines.put_back(first)
    return n_atoms
