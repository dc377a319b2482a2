# SPDX-License-Identifier: MIT
"""Data files to a store, one structure at a time: the same checks as for training, and filters."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlipkit.data import store
from mlipkit.data.config import DataConfig
from mlipkit.data.errors import DataError
from mlipkit.data.files import checksum
from mlipkit.data.filters import Filters
from mlipkit.data.graphs import AtomsTooClose, edges_of
from mlipkit.data.labels import iterate_structures
from mlipkit.data.store_writer import StoreWriter
from mlipkit.data.subset import refusal
from mlipkit.data.wanted import Wanted
from mlipkit.interfaces.neighbours import NeighbourList

REACH = 1.0  # angstrom, of the neighbour list that finds atoms on top of each other
SHOW_EVERY = 100  # structures


@dataclass
class Conversion:
    """What was written.

    Attributes:
        header: of the store.
        notes: what was left out, for people.
    """

    header: dict[str, Any]
    notes: list[str]


def convert(
    files: Sequence[Path], output: Path, data: DataConfig, wanted: Wanted, show: Callable[[int, Path], None]
) -> Conversion:
    """Writes all structures that pass the checks and filters into a new store.

    Args:
        files: in order; stores among them are taken over.
        output: folder of the store; it must not exist.
        data: its only training entry says how to read the files; its tasks hold E0 for the energy window.
        wanted: labels and conditions that must be there.
        show: is told now and then how many structures were read, and of which file the last was.

    Raises:
        DataError: as :func:`mlipkit.data.labels.iterate_structures`; atoms on top of each other; nothing to write.
    """
    entry = data.train[0]
    filters = Filters(data.filters, {name: task.e0 for name, task in data.tasks.items()})
    neighbours = NeighbourList(max(REACH, data.min_distance))
    read, kept = Counter[str](), Counter[str]()
    too_close: list[str] = []
    with StoreWriter(output) as writer:
        for path in files:
            for structure in iterate_structures(path, entry, data, wanted):
                read[str(path)] += 1
                if sum(read.values()) % SHOW_EVERY == 0:
                    show(sum(read.values()), path)
                try:
                    edges_of(structure, neighbours, data.min_distance)
                except AtomsTooClose as error:
                    if data.too_close == "refuse":
                        raise refusal(error) from None
                    too_close.append(f"dropped: {error}")
                    continue
                if filters.keeps(structure):
                    kept[str(path)] += 1
                    writer.add(structure)
        _check_content(writer, files, data)
        show(sum(read.values()), files[-1])
        names = [*writer.sources, *(str(path) for path in files if str(path) not in writer.sources)]
        sources = [
            {"path": name, "sha256": checksum(Path(name)), "read": read[name], "structures": kept[name]}
            for name in names
        ]
        removed = {**({"too_close": len(too_close)} if too_close else {}), **filters.removed}
        options = data.model_dump(mode="json", include={"tasks", "filters", "min_distance", "too_close"})
        options["reading"] = entry.model_dump(mode="json", exclude={"path", "weight"}, exclude_defaults=True)
        header = writer.finish(sources, {"options": options, "removed": removed})
    return Conversion(header, [*too_close, *filters.lines()])


def check(path: Path) -> dict[str, Any]:
    """Reads a whole store and compares it with its checksums; gives the header.

    Raises:
        DataError: naming the array that was changed, or that cannot be one.
    """
    opened = store.Store(path)
    for name, entry in opened.header["arrays"].items():
        digest = hashlib.sha256()
        with open(path / name, "rb") as stream:
            stream.seek(entry["bytes"] - _content_bytes(opened, name))
            while block := stream.read(1 << 22):
                digest.update(block)
        if digest.hexdigest() != entry["sha256"]:
            raise DataError(f"{path / name} is damaged: its checksum is not that of the header; take another copy")
    if store.content_digest(opened.header) != opened.content_sha256:
        raise DataError(f"{path}: the header contradicts itself; take another copy")
    return opened.header


def _content_bytes(opened: store.Store, name: str) -> int:
    arrays = {
        store.STRUCTURES: opened.records,
        store.NUMBERS: opened.numbers,
        store.POSITIONS: opened.positions,
        store.FORCES: opened.forces,
    }
    arrays.update({store.output_file(output): values for output, values in opened.output_labels.items()})
    return int(arrays[name].nbytes)


def _check_content(writer: StoreWriter, files: Sequence[Path], data: DataConfig) -> None:
    if not writer.structures.rows:
        raise DataError(f"nothing is left of {', '.join(map(str, files))} after filters; {writer.path} is not written")
    if not writer.labels and not writer.outputs:
        energy = Wanted(["energy"])
        for path in files:  # the message names the keys that are there
            next(iterate_structures(path, data.train[0], data, energy))
        raise DataError(f"no structure of {', '.join(map(str, files))} has a label; {writer.path} is not written")
