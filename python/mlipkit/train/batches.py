# SPDX-License-Identifier: MIT
"""The batches of a run: which structures, in which order, made in time."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlipkit.data.ahead import made_ahead
from mlipkit.data.errors import DataError
from mlipkit.data.graph import GraphBatch
from mlipkit.data.graphs import collate
from mlipkit.data.packing import in_order
from mlipkit.data.sampler import BatchSampler, Drawn, quotas
from mlipkit.data.subset import Subset
from mlipkit.train.config import TrainConfig
from mlipkit.train.processes import Processes

WORKERS = 2  # threads for graphs on demand


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


def drawings(config: TrainConfig, train: Subset) -> list[Drawing]:
    """What an epoch takes from each training entry; nothing where it takes every structure once.

    Raises:
        DataError: an entry with a share, of which no structure is left.
    """
    entries = config.data.train
    if entries[0].share is None:
        if config.epoch_structures is None:
            return []
        return [Drawing("data.train", len(train), config.epoch_structures)]
    counts = train.table.counts("source")
    names = [f"data.train.{index}" for index in range(len(entries))]
    for name in names:
        if name not in counts:
            raise DataError(f"{name} has a share of the epoch, but none of its structures is left for training")
    numbers = quotas([entry.share or 0.0 for entry in entries], config.epoch_structures or len(train))
    return [Drawing(name, counts[name], number) for name, number in zip(names, numbers, strict=True)]


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


def make_sampler(config: TrainConfig, train: Subset) -> BatchSampler:
    """The sampler that a configuration means."""
    found = drawings(config, train)
    order = None
    if found:
        sources = [np.arange(len(train))]
        if config.data.train[0].share is not None:
            sources = [np.flatnonzero(train.table.of("source", entry.source)) for entry in found]
        order = Drawn(sources, [entry.per_epoch for entry in found])
    edges = np.maximum(train.table.n_edges, train.table.n_atoms)  # atoms without neighbours are not free either
    return BatchSampler(len(train), config.batch_size, config.seed, order, edges, config.batch_edges)


class TrainingBatches:
    """Makes the batches of this process, some of them ahead of time.

    Args:
        config: of the run.
        train: training structures.
        processes: that share the run.
    """

    def __init__(self, config: TrainConfig, train: Subset, processes: Processes) -> None:
        self.sampler = make_sampler(config, train)
        self.graphs, self.processes = train.graphs, processes
        self.edges = [int(count) for count in train.table.n_edges] if processes.world > 1 else []
        self.threads = threads(config, train)
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
