# SPDX-License-Identifier: MIT
"""The processes that share a run: one, or those that ``torchrun`` has started.

A batch is the same whatever their number: its structures are divided over the processes, sums and counts of errors
are added up, and the gradient is that of the whole batch.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from typing import TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor

from mlipkit.data.balance import balance
from mlipkit.train.loss import Sums

Item = TypeVar("Item")


def world_size() -> int:
    """How many processes share the run."""
    return int(os.environ.get("WORLD_SIZE", "1")) if TorchElasticEnvironment.detect() else 1


class Processes:
    """Joins the other processes of the run; blocks until all are there.

    Args:
        device: ``cpu``, ``cuda`` or ``auto``.
    """

    def __init__(self, device: str) -> None:
        world = world_size()
        local = int(os.environ["LOCAL_WORLD_SIZE"]) if world > 1 else 1
        for name in ("lightning.fabric", "lightning_fabric"):  # says at length that processes were started
            logging.getLogger(name).setLevel(logging.WARNING)
        # Strides of axes with one entry, which mean nothing, differ between some gradients and their buckets.
        warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
        strategy = DDPStrategy(broadcast_buffers=False) if world > 1 else "auto"  # buffers are constants
        environment = TorchElasticEnvironment() if world > 1 else LightningEnvironment()
        self.fabric = Fabric(
            accelerator=device,
            devices=local,
            num_nodes=world // local,
            strategy=strategy,
            precision="32-true",  # the dtype is the model's own
            plugins=[environment],
        )
        self.fabric.launch()
        self.world, self.rank = self.fabric.world_size, self.fabric.global_rank
        self.device = self.fabric.device

    def share(self, indices: Sequence[int], costs: Sequence[int]) -> list[int]:
        """Which of a batch's structures this process takes, so that all have about the same work.

        Args:
            indices: of the batch's structures.
            costs: work of every structure of the training set.
        """
        chosen = balance([costs[index] for index in indices], self.world)[self.rank]
        return [indices[position] for position in chosen]

    def add_up(self, sums: dict[str, Sums], extra: Sequence[float]) -> tuple[dict[str, Sums], list[float]]:
        """Sums over all processes, and so for further numbers; without gradient."""
        totals = {name: Sums(value.total.detach().double(), value.count.double()) for name, value in sums.items()}
        if self.world == 1:
            return totals, list(extra)
        entries = [float(number) for value in totals.values() for number in (value.total, value.count)]
        vector = torch.tensor([*entries, *extra], dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(vector)
        added = {name: Sums(vector[2 * k], vector[2 * k + 1]) for k, name in enumerate(totals)}
        return added, vector[2 * len(totals) :].tolist()

    def my_turns(self, items: Sequence[Item]) -> list[Item]:
        """Every ``world``-th item."""
        return list(items[self.rank :: self.world])

    def gather_turns(self, mine: list[Item]) -> list[Item]:
        """What all processes made of their turns, in the order of the items; on the CPU."""
        if self.world == 1:
            return mine
        everybody: list[list[Item]] = [[] for _ in range(self.world)]
        torch.distributed.all_gather_object(everybody, mine)
        length = max(len(theirs) for theirs in everybody)
        return [theirs[turn] for turn in range(length) for theirs in everybody if turn < len(theirs)]

    def first_says(self, message: str) -> str:
        """The message of the first process, on all of them."""
        if self.world == 1:
            return message
        entry = [message]
        torch.distributed.broadcast_object_list(entry, src=0)
        return entry[0]

    def scaled(self, loss: Tensor) -> Tensor:
        """Gradients are averaged over the processes; the loss is a sum over them."""
        return loss * self.world
