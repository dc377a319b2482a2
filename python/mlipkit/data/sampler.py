# SPDX-License-Identifier: MIT
"""Which structures make which batch. The order is a function of seed and epoch alone, so its state is three numbers."""

from __future__ import annotations

import torch


class BatchSampler:
    """Shuffled batches of structure indices, resumable after any batch.

    Args:
        n_structures: to choose from.
        batch_size: structures per batch; the last batch of an epoch may be smaller.
        seed: of the shuffling.
    """

    def __init__(self, n_structures: int, batch_size: int, seed: int) -> None:
        self.n_structures, self.batch_size, self.seed = n_structures, batch_size, seed
        self.epoch = 0
        self.next_batch = 0  # within the epoch
        self._shuffled: tuple[int, list[int]] = (-1, [])

    def __len__(self) -> int:
        """Batches per epoch."""
        return -(-self.n_structures // self.batch_size)

    def next(self) -> list[int]:
        """Indices of the next batch. After the last one of an epoch, ``epoch`` is one more and ``next_batch`` 0."""
        if self._shuffled[0] != self.epoch:
            self._shuffled = (self.epoch, self._order())
        start = self.next_batch * self.batch_size
        self.next_batch += 1
        chosen = self._shuffled[1][start : start + self.batch_size]
        if self.next_batch == len(self):
            self.epoch, self.next_batch = self.epoch + 1, 0
        return chosen

    @property
    def epochs_done(self) -> float:
        """Passes over the data so far, with the fraction of the current one."""
        return round(self.epoch + self.next_batch / len(self), 4)

    def state_dict(self) -> dict[str, int]:
        return {"seed": self.seed, "epoch": self.epoch, "next_batch": self.next_batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.seed, self.epoch, self.next_batch = state["seed"], state["epoch"], state["next_batch"]
        self._shuffled = (-1, [])

    def _order(self) -> list[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return torch.randperm(self.n_structures, generator=generator).tolist()
