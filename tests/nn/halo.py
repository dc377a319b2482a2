# SPDX-License-Identifier: MIT
"""Several processes imitated by threads: each owns some atoms, and halo exchange joins their autograd graphs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import torch
from brute_force import Edges, System, edges
from torch import Tensor

from mlipkit.nn import Prediction


class Rank:
    """The part of a structure that one process sees: its atoms, then one ghost per foreign atom or periodic image."""

    def __init__(self, number: int, system: System, owners: Sequence[int], pairs: Edges) -> None:
        self.number = number
        self.atoms = [atom for atom, owner in enumerate(owners) if owner == number]
        local = {atom: row for row, atom in enumerate(self.atoms)}
        self.edges = [edge for edge, atom in enumerate(pairs.centre) if atom in local]
        ghosts: dict[tuple[int, ...], int] = {}
        neighbour = []
        for edge in self.edges:
            atom, shift = int(pairs.neighbour[edge]), tuple(pairs.shift[edge])
            if atom in local and not any(shift):
                neighbour.append(local[atom])
            else:
                neighbour.append(len(local) + ghosts.setdefault((atom, *shift), len(ghosts)))
        # Hosts also have ghosts beyond the cutoff, and on processes that own nothing.
        self.ghost_atoms = [key[0] for key in ghosts] + [0]
        self.centre = torch.tensor([local[int(pairs.centre[edge])] for edge in self.edges], dtype=torch.int64)
        self.neighbour = torch.tensor(neighbour, dtype=torch.int64)
        self.r_ij = torch.tensor(pairs.r_ij[self.edges].reshape(-1, 3)).requires_grad_()
        self.species = torch.tensor([system.species[a] for a in self.atoms + self.ghost_atoms], dtype=torch.int64)
        self.widths: list[int] = []


class CountedExchange(torch.autograd.Function):
    """Halo exchange of a process that owns nothing: ghosts arrive from elsewhere; counts its calls."""

    calls: ClassVar[list[str]] = []

    @staticmethod
    def forward(_ctx: Any, x: Tensor, n_all: int) -> Tensor:
        CountedExchange.calls.append("forward")
        return x.new_ones(n_all, *x.shape[1:])

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        CountedExchange.calls.append("backward")
        return gradients[0][:0], None


def evaluate_on_ranks(
    model: Any, system: System, owners: Sequence[int], n_ranks: int, monkeypatch: Any
) -> tuple[Prediction, list[list[int]]]:
    """Evaluates the structure on ``n_ranks`` threads; also gives the widths of each rank's halo exchanges."""
    pairs = edges(system, model.config.cutoff)
    ranks = [Rank(number, system, owners, pairs) for number in range(n_ranks)]
    meeting = threading.Barrier(n_ranks, timeout=60)
    posted: list[Tensor] = [torch.empty(0)] * n_ranks
    current = threading.local()
    place = {atom: (owner, ranks[owner].atoms.index(atom)) for atom, owner in enumerate(owners)}

    def halo_exchange(x: Tensor, n_all: int) -> Tensor:
        rank: Rank = current.rank
        assert x.shape[0] == len(rank.atoms)
        assert n_all == len(rank.species)
        rank.widths.append(x[:1].new_zeros(1, *x.shape[1:]).numel())
        posted[rank.number] = x
        meeting.wait()
        ghosts = [posted[place[atom][0]][place[atom][1]] for atom in rank.ghost_atoms]
        meeting.wait()
        return torch.cat([x, torch.stack(ghosts)])

    conditions = {name: torch.tensor([value], dtype=torch.float64) for name, value in system.conditions.items()}
    conditions["task"] = torch.tensor([system.task])

    def run(rank: Rank) -> dict[str, Tensor]:
        current.rank = rank
        arguments = (rank.r_ij, rank.centre, rank.neighbour, rank.species, len(rank.atoms), conditions)
        return model(*arguments)

    with monkeypatch.context() as patch, ThreadPoolExecutor(n_ranks) as pool:
        patch.setattr(torch.ops.mlip, "halo_exchange", halo_exchange)
        results = list(pool.map(run, ranks))
    gradients = torch.autograd.grad(sum(result["energy"].sum() for result in results), [rank.r_ij for rank in ranks])
    return _gather(system, pairs, ranks, results, gradients), [rank.widths for rank in ranks]


def _gather(
    system: System, pairs: Edges, ranks: list[Rank], results: list[dict[str, Tensor]], gradients: Sequence[Tensor]
) -> Prediction:
    n_atoms = len(system.species)
    g = torch.zeros((len(pairs.centre), 3), dtype=torch.float64)
    values = {name: torch.zeros((n_atoms, *v.shape[1:]), dtype=torch.float64) for name, v in results[0].items()}
    for rank, result, gradient in zip(ranks, results, gradients, strict=True):
        g[rank.edges] = gradient
        for name, value in result.items():
            values[name][rank.atoms] = value.detach()
    forces = torch.zeros((n_atoms, 3), dtype=torch.float64)
    forces.index_add_(0, torch.tensor(pairs.centre), g).index_add_(0, torch.tensor(pairs.neighbour), -g)
    full = -torch.tensor(pairs.r_ij).T @ g
    virial = torch.stack([full[a, b] for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))])[None]
    energies = values.pop("energy")
    return Prediction(energies.sum()[None], energies, forces, virial, virial * torch.nan, g, values)
