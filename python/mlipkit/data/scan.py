# SPDX-License-Identifier: MIT
"""Edges of every structure of a store, counted once and remembered beside it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlipkit.data.errors import DataError
from mlipkit.data.store import Store
from mlipkit.interfaces.errors import EngineError
from mlipkit.interfaces.neighbours import NeighbourList

CACHE = "cache"  # folder inside the store; what is in it can be deleted
CHUNK = 256  # structures per task of a thread
Show = Callable[[Path, int, int], None]  # store, structures done, structures in all


@dataclass(frozen=True)
class Edges:
    """Per structure of a store: how many edges, and the length of the shortest (infinity where there is none)."""

    n_edges: NDArray[np.int64]
    shortest: NDArray[np.float64]  # angstrom; 0 where atoms are at the same place


def scan(store: Store, frames: NDArray[np.int64], cutoff: float, show: Show) -> Edges:
    """Edges of some structures of a store.

    A pass over all structures is kept in the folder ``cache`` of the store, by cutoff and checksum; a folder that
    cannot be written costs the pass again next time.

    Args:
        store: open.
        frames: which structures.
        cutoff: angstrom.
        show: is told how far it is.

    Raises:
        DataError: a cell that no neighbour list can be made for.
    """
    file = store.path / CACHE / f"edges-{cutoff:g}-{store.content_sha256[:16]}.npy"
    known = _cached(file, len(store))
    if known is not None:
        return Edges(known[frames, 0].astype(np.int64), known[frames, 1])
    found = np.empty((len(frames), 2))
    starts = range(0, len(frames), CHUNK)

    def part(start: int) -> NDArray[np.float64]:
        neighbours = NeighbourList(cutoff)
        return np.array([_count(store, int(frame), neighbours) for frame in frames[start : start + CHUNK]])

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:  # the neighbour list runs without Python's lock
        for start, values in zip(starts, pool.map(part, starts), strict=True):
            found[start : start + CHUNK] = values
            show(store.path, start + len(values), len(frames))
    if len(frames) == len(store):
        _keep(file, found)
    return Edges(found[:, 0].astype(np.int64), found[:, 1])


def _count(store: Store, frame: int, neighbours: NeighbourList) -> tuple[float, float]:
    record = store.records[frame]
    first = int(record["first"])
    positions = store.positions[first : first + int(record["n_atoms"])]
    try:
        edges = neighbours.update(positions, record["cell"], record["pbc"])
    except EngineError as error:
        if "same place" in error.message:
            return 0.0, 0.0
        raise DataError(f"{store.path}, frame {frame} ({store.origin(frame)}): {error.message}") from None
    squared = np.einsum("ei,ei->e", edges.r_ij, edges.r_ij)
    return float(len(edges)), float(np.sqrt(squared.min())) if squared.size else np.inf


def _cached(file: Path, n_structures: int) -> NDArray[np.float64] | None:
    """What an earlier pass found; None where there is none or it cannot be used."""
    with suppress(OSError, ValueError, EOFError):
        found: NDArray[np.float64] = np.load(file)
        if found.shape == (n_structures, 2) and found.dtype == np.float64:
            return found
    return None


def _keep(file: Path, found: NDArray[np.float64]) -> None:
    temporary = file.with_name(f"{file.stem}.{os.getpid()}.part")  # several processes may do the same
    with suppress(OSError):
        file.parent.mkdir(exist_ok=True)
        with open(temporary, "wb") as stream:
            np.save(stream, found)
        os.replace(temporary, file)
    with suppress(OSError):
        temporary.unlink(missing_ok=True)
