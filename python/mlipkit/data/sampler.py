# SPDX-License-Identifier: MIT
"""Which structures make which batch. The order is a function of seed and epoch alone, so its state is three numbers."""

from __future__ import annotations

from collections.abc import Iterator

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

    def __len__(self) -> int:
        """Batches per epoch."""
        return -(-self.n_structures // self.batch_size)

    def remaining(self) -> Iterator[list[int]]:
        """Batches left in this epoch; position and epoch advance as each one is taken up for the next call."""
        order = self._order()
        while self.next_batch < len(self):
            start = self.next_batch * self.batch_size
            self.next_batch += 1
            yield order[start : start + self.batch_size]
        self.epoch += 1
        self.next_batch = 0

    def state_dict(self) -> dict[str, int]:
        return {"seed": self.seed, "epoch": self.epoch, "next_batch": self.next_batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.seed, self.epoch, self.next_batch = state["seed"], state["epoch"], state["next_batch"]

    def _order(self) -> list[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return torch.randperm(self.n_structures, generator=generator).tolist()
