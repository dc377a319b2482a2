# SPDX-License-Identifier: MIT
"""Which structures make which batch. All is a function of seed and epoch alone, so the state is three numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mlipkit.data.packing import pack

Indices = NDArray[np.int64]
Order = Callable[[int, int], Indices]  # seed, epoch -> indices of the structures of that epoch, in order


class BatchSampler:
    """Batches of structure indices, resumable after any batch.

    Args:
        n_structures: to choose from.
        batch_size: structures per batch; the last batch of an epoch may be smaller.
        seed: of the shuffling.
        order: structures of an epoch; None: all, shuffled.
        edges: of each structure; with ``batch_edges``.
        batch_edges: instead of ``batch_size``: edges per batch, as near as structures allow and never more, unless a
            single structure has more.
    """

    def __init__(
        self,
        n_structures: int,
        batch_size: int,
        seed: int,
        order: Order | None = None,
        edges: Indices | None = None,
        batch_edges: int | None = None,
    ) -> None:
        self.n_structures, self.batch_size, self.seed = n_structures, batch_size, seed
        self.order: Order = order or Shuffled(n_structures)
        self.edges, self.batch_edges = edges, batch_edges
        self.epoch = 0
        self.next_batch = 0  # within the epoch
        self._planned: tuple[int, list[Indices]] = (-1, [])

    def __len__(self) -> int:
        """Batches of the current epoch."""
        return len(self._batches())

    def next(self) -> list[int]:
        """Indices of the next batch. After the last one of an epoch, ``epoch`` is one more and ``next_batch`` 0."""
        batches = self._batches()
        found: list[int] = batches[self.next_batch].tolist()
        self.next_batch += 1
        if self.next_batch == len(batches):
            self.epoch, self.next_batch = self.epoch + 1, 0
        return found

    @property
    def epochs_done(self) -> float:
        """Passes over the data so far, with the fraction of the current one."""
        return round(self.epoch + self.next_batch / len(self), 4)

    def share(self, epochs: int) -> float:
        """How much of so many epochs is done, 0 to 1 or more."""
        return (self.epoch * len(self) + self.next_batch) / (epochs * len(self))

    def state_dict(self) -> dict[str, int]:
        return {"seed": self.seed, "epoch": self.epoch, "next_batch": self.next_batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.seed, self.epoch, self.next_batch = state["seed"], state["epoch"], state["next_batch"]
        self._planned = (-1, [])

    def _batches(self) -> list[Indices]:
        if self._planned[0] != self.epoch:
            order = self.order(self.seed, self.epoch)
            if self.batch_edges is None or self.edges is None:
                batches = np.split(order, range(self.batch_size, len(order), self.batch_size))
            else:
                batches = pack(order, self.edges, self.batch_edges)
            self._planned = (self.epoch, batches)
        return self._planned[1]


class Shuffled:
    """Every structure once per epoch."""

    def __init__(self, n_structures: int) -> None:
        self.n_structures = n_structures

    def __call__(self, seed: int, epoch: int) -> Indices:
        return _permutation(self.n_structures, seed * 1_000_003 + epoch)


class Drawn:
    """Fixed numbers of structures per epoch from each source.

    A source is gone through in shuffled passes, one after the other: an epoch takes the next ones. So a small source is
    repeated evenly, and a large one is seen whole before anything in it comes again.

    Args:
        sources: indices of the structures of each source.
        quotas: structures per epoch from each.
    """

    def __init__(self, sources: Sequence[Indices], quotas: Sequence[int]) -> None:
        self.sources, self.quotas = list(sources), list(quotas)

    def __call__(self, seed: int, epoch: int) -> Indices:
        parts = []
        for number, (source, quota) in enumerate(zip(self.sources, self.quotas, strict=True)):
            first, last = epoch * quota, (epoch + 1) * quota
            passes = range(first // len(source), -(-last // len(source)))
            rows = np.concatenate([_permutation(len(source), seed, number, turn) for turn in passes])
            start = first - passes.start * len(source)
            parts.append(source[rows[start : start + quota]])
        together = np.concatenate(parts)
        return together[_permutation(len(together), seed, len(parts), epoch)]


def quotas(shares: Sequence[float], n_structures: int) -> list[int]:
    """Whole numbers in the ratio of the shares that add up to ``n_structures``; at least one each.

    The largest remainders are rounded up.
    """
    exact = np.array(shares) / sum(shares) * n_structures
    whole = np.maximum(np.floor(exact).astype(int), 1)
    for index in np.argsort(np.floor(exact) - exact, kind="stable")[: max(0, n_structures - whole.sum())]:
        whole[index] += 1
    return [int(count) for count in whole]


def _permutation(n: int, *seeds: int) -> Indices:
    """Of 0 .. n-1; one number is the seed of torch's generator as it is, several are mixed."""
    seed = seeds[0] if len(seeds) == 1 else int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0] >> 1)
    found: Indices = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).numpy()
    return found
