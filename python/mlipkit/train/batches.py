# SPDX-License-Identifier: MIT
"""The batches of a run: which structures, in which order, made in time."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipkit.data.ahead import made_ahead
from mlipkit.data.errors import DataError
from mlipkit.data.graph import GraphBatch
from mlipkit.data.graphs import collate
from mlipkit.data.lazy import joined
from mlipkit.data.packing import in_order
from mlipkit.data.sampler import BatchSampler, Drawn, quotas
from mlipkit.data.subset import Subset
from mlipkit.train.config import TrainConfig
from mlipkit.train.processes import Processes

WORKERS = 2  # threads for graphs on demand
REPLAY = "finetune.replay"


@dataclass
class Drawing:
    """How an epoch is drawn from an entry: one row of a table."""

    source: str
    structures: int
    per_epoch: int

    @property
    def passes(self) -> float:
        """How often an epoch goes through the entry."""
        return self.per_epoch / self.structures


def drawings(config: TrainConfig, train: Subset, replayed: Subset | None) -> list[Drawing]:
    """What an epoch takes from each training entry and of old structures; nothing where it takes every one once.

    Raises:
        DataError: an entry with a share, of which no structure is left; one with structures but no share beside others.
    """
    found = _of_entries(config, train)
    replay = config.finetune.replay if config.finetune else None
    if replayed is None or replay is None:
        return found
    found = found or [Drawing("data.train", len(train), len(train))]
    share, n_new = replay.share, sum(entry.per_epoch for entry in found)
    return [*found, Drawing(REPLAY, len(replayed), max(1, round(n_new * share / (1.0 - share))))]


def _of_entries(config: TrainConfig, train: Subset) -> list[Drawing]:
    shares = {f"data.train.{index}": entry.share for index, entry in enumerate(config.data.train)}
    if not any(shares.values()):
        if config.epoch_structures is None:
            return []
        return [Drawing("data.train", len(train), config.epoch_structures)]
    counts = train.table.counts("source")
    for name, share in shares.items():
        if share and name not in counts:
            raise DataError(f"{name} has a share of the epoch, but none of its structures is left for training")
        if not share and name in counts:  # files of isolated atoms need none
            raise DataError(f"{name} has no share, but others have: give one to all entries or to none")
    drawn = {name: share for name, share in shares.items() if share}
    numbers = quotas(list(drawn.values()), config.epoch_structures or len(train))
    return [Drawing(name, counts[name], number) for name, number in zip(drawn, numbers, strict=True)]


def drawing_lines(config: TrainConfig, drawn: Sequence[Drawing], train: Subset) -> Iterator[str]:
    """What people should know about the epochs before the run starts."""
    total = sum(entry.per_epoch for entry in drawn)
    for entry in drawn:
        yield (
            f"{entry.source}: {entry.per_epoch} of {total} structures of an epoch ({100 * entry.per_epoch / total:.1f} "
            f"%), from {entry.structures}: {entry.passes:.3g} passes"
        )
    if config.batch_edges is not None:
        large = int((train.table.n_edges > config.batch_edges).sum())
        if large:
            yield f"{large} training structures have more than {config.batch_edges} edges: a batch each"


def make_sampler(config: TrainConfig, train: Subset, replayed: Subset | None = None) -> BatchSampler:
    """The sampler that a configuration means; indices of old structures follow those of the training structures."""
    found = drawings(config, train, replayed)
    parts = [train] if replayed is None else [train, replayed]
    rows = {"data.train": np.arange(len(train)), REPLAY: np.arange(len(train), sum(len(part) for part in parts))}

    def source(name: str) -> NDArray[np.int64]:
        return rows[name] if name in rows else np.flatnonzero(train.table.of("source", name))

    order = Drawn([source(entry.source) for entry in found], [entry.per_epoch for entry in found]) if found else None
    # Atoms without neighbours are not free either.
    edges = np.concatenate([np.maximum(part.table.n_edges, part.table.n_atoms) for part in parts])
    return BatchSampler(len(edges), config.batch_size, config.seed, order, edges, config.batch_edges)


class TrainingBatches:
    """Makes the batches of this process, some of them ahead of time.

    Args:
        config: of the run.
        train: training structures.
        processes: that share the run.
        replayed: old structures that train along.
    """

    def __init__(
        self, config: TrainConfig, train: Subset, processes: Processes, replayed: Subset | None = None
    ) -> None:
        self.sampler = make_sampler(config, train, replayed)
        parts = [train] if replayed is None else [train, replayed]
        self.graphs, self.processes = joined([part.graphs for part in parts]), processes
        self.edges = [int(n) for part in parts for n in part.table.n_edges] if processes.world > 1 else []
        self.threads = max(threads(config, part) for part in parts)
        self._ahead: Iterator[tuple[list[int], tuple[bool, GraphBatch]]] | None = None

    def next(self) -> tuple[bool, GraphBatch]:
        """Whether this process has a part of the next batch, and its part.

        A process without one gets a structure of another's part: it computes and contributes nothing, so that all make
        the same calls.
        """
        if self._ahead is None:
            self._ahead = made_ahead(self._plans(), self._make, self.threads)
        _, made = next(self._ahead)
        self.sampler.next()  # what was planned ahead is its next batch
        return made

    def restart(self) -> None:
        """Forgets what was made ahead; call after the sampler was set to another place."""
        self._ahead = None

    def _plans(self) -> Iterator[list[int]]:
        ahead = copy.copy(self.sampler)
        while True:
            yield ahead.next()

    def _make(self, indices: list[int]) -> tuple[bool, GraphBatch]:
        mine = self.processes.share(indices, self.edges) if self.processes.world > 1 else indices
        return bool(mine), collate([self.graphs[index] for index in mine or indices[:1]])


def held_out(config: TrainConfig, subset: Subset) -> list[range]:
    """Batches of validation or test structures, in order."""
    if config.batch_edges is not None and config.validation_batch_size is None:
        return in_order(np.maximum(subset.table.n_edges, subset.table.n_atoms), config.batch_edges)
    size = config.validation_batch_size or config.batch_size
    return [range(start, min(start + size, len(subset))) for start in range(0, len(subset), size)]


def collated(subset: Subset, ranges: Sequence[range], threads: int) -> Iterator[GraphBatch]:
    """Batches of held-out structures, one after the other."""

    def make(rows: range) -> GraphBatch:
        return collate([subset.graphs[row] for row in rows])

    return (batch for _, batch in made_ahead(ranges, make, threads))


def threads(config: TrainConfig, subset: Subset) -> int:
    """Threads that make batches ahead."""
    if config.workers is not None:
        return config.workers
    return 0 if subset.in_memory else WORKERS
