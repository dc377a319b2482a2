# SPDX-License-Identifier: MIT
"""From the entries of a configuration to files on the disk: patterns, order, and messages for what is not there.

A path that names an existing file is taken as it is; otherwise ``*``, ``?`` and ``[...]`` match within one level of
folders and ``**`` any number of them. Matches are sorted by name, so that runs do not depend on the file system.
"""

from __future__ import annotations

import difflib
import glob
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlipkit.data.config import DataConfig, FileEntry
from mlipkit.data.errors import DataError
from mlipkit.data.reading import sha256
from mlipkit.data.store import is_store, read_header
from mlipkit.data.stored import StoredStructures
from mlipkit.data.structure import Structure

LOOK_AT = 5000  # names that are looked at for the nearest one


@dataclass(frozen=True)
class DataFile:
    """One file of an entry."""

    entry: FileEntry
    source: str  # of the entry, such as "data.train.0"
    name: str  # as people write it: relative to the folder of the configuration
    path: Path


@dataclass
class FileUse:
    """What a file gave: one row of the table that a run prints, and of its summary."""

    path: str
    use: str  # "train", "validation" or "test": the section that lists it
    sha256: str
    frames: int
    tasks: list[str]
    weight: float  # of the entry, before config_type_weights


def all_files(data: DataConfig, folder: Path) -> dict[str, list[DataFile]]:
    """Files of the training, validation and test entries, patterns expanded, in order.

    Raises:
        DataError: a pattern that matches nothing, or a file that does not exist.
    """
    return {
        use: [
            DataFile(entry, f"data.{use}.{index}", name, folder / name)
            for index, entry in enumerate(entries)
            for name in matches(entry.path, folder)
        ]
        for use, entries in data.entries().items()
    }


def matches(pattern: str, folder: Path) -> list[str]:
    """The file of that name, or every file that matches the pattern, sorted; names as in the pattern.

    Raises:
        DataError: none; the message names the folder where the search ended and what lies there.
    """
    if _is_data(folder / pattern):
        return [pattern]
    found = {name for name in glob.glob(pattern, root_dir=folder, recursive=True) if _is_data(folder / name)}
    if found:
        return sorted(found, key=lambda name: Path(name).parts)
    raise DataError(_nothing(pattern, folder))


def find_files(patterns: Sequence[str]) -> list[Path]:
    """Files of all patterns, in order; relative to the current folder.

    Raises:
        DataError: a pattern that matches nothing, or a file that two of them reach.
    """
    found: dict[Path, tuple[Path, str]] = {}
    for pattern in patterns:
        for path in (Path(name) for name in matches(pattern, Path())):
            if path.resolve() in found:
                first = found[path.resolve()][1]
                raise DataError(f"{path} is given twice: by {first!r} and by {pattern!r}; it would count double")
            found[path.resolve()] = (path, pattern)
    return [path for path, _ in found.values()]


def checksum(path: Path) -> str:
    """SHA-256 of a file; for a data store that of its content, which it knows."""
    return str(read_header(path)["content_sha256"]) if is_store(path) else sha256(path)


def _is_data(path: Path) -> bool:
    return path.is_file() or (is_store(path) and path.is_dir())


def check_used_once(used: Iterable[tuple[DataFile, Sequence[Structure]]]) -> None:
    """A frame may be used once for each task, whatever the ways to it: twice would count it double or leak it.

    Raises:
        DataError: naming the frame and both entries.
    """
    owners: dict[tuple[Path, int, str], DataFile] = {}
    stores: list[tuple[DataFile, StoredStructures]] = []
    for file, structures in used:
        resolved = file.path.resolve()
        if isinstance(structures, StoredStructures):
            stores.append((file, structures))
            continue
        for structure in structures:
            first = owners.setdefault((resolved, structure.frame, structure.task), file)
            if first is not file:
                raise DataError(
                    f"{structure.where} is used twice: by {first.source} ({first.entry.path}) and by "
                    f"{file.source} ({file.entry.path}); remove one of them, or give disjoint `frames`"
                )

    for (first, some), (second, others) in itertools.combinations(stores, 2):
        frame = some.shared_frame(others)
        if frame is not None:
            raise DataError(
                f"{second.path}, frame {frame} is used twice: by {first.source} ({first.entry.path}) and by "
                f"{second.source} ({second.entry.path}); remove one of them, or give disjoint `frames`"
            )


def _nothing(pattern: str, folder: Path) -> str:
    """Which step of the path fails, and what lies there instead."""
    is_pattern = glob.has_magic(pattern)
    start = f"no file matches {pattern!r}" if is_pattern else f"data file {folder / pattern} does not exist"
    parts = Path(pattern).parts
    reached = [folder]
    for position, part in enumerate(parts):
        prefix = str(Path(*parts[: position + 1]))
        here = [folder / name for name in sorted(glob.glob(prefix, root_dir=folder, recursive=True))]
        last = position == len(parts) - 1
        here = [path for path in here if last or path.is_dir()]
        if not here:
            return f"{start}: in {_some(reached)} there is {_alternatives(part, reached, files_only=last)}"
        reached = here
    return f"{start}: {_some(reached)} {'is a folder' if len(reached) == 1 else 'are folders'}; name the files in it"


def _some(folders: Sequence[Path]) -> str:
    return str(folders[0]) + (f" (and {len(folders) - 1} more folders)" if len(folders) > 1 else "")


def _alternatives(wanted: str, folders: Sequence[Path], files_only: bool) -> str:
    entries = itertools.islice((entry for folder in folders for entry in folder.glob("*")), LOOK_AT)
    names = sorted({entry.name for entry in entries if _is_data(entry) or not files_only})
    if not names:
        return "no file" if files_only else "nothing"
    nearest = difflib.get_close_matches(wanted, names, n=3, cutoff=0.4) or names[:3]
    return f"no {wanted!r}, but {', '.join(repr(name) for name in nearest)}"
