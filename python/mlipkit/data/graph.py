# SPDX-License-Identifier: MIT
"""A batch of structures as one disconnected graph: what models consume and losses compare with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

EDGE_TENSORS = ("r_ij", "centre", "neighbour")


@dataclass
class GraphBatch:
    """One or several structures; N atoms, E edges, B structures.

    Edges are sorted by centre; ``r_ij = r_j - r_i + S H`` (angstrom) with centre i and neighbour j.
    Labels are in eV, eV/angstrom and eV/angstrom^3; a missing label is NaN and never enters a loss.
    """

    r_ij: Tensor  # [E, 3]
    centre: Tensor  # [E] int64
    neighbour: Tensor  # [E] int64
    species: Tensor  # [N] int64, index into the model's species
    structure: Tensor  # [N] int64, index of the structure
    n_atoms: Tensor  # [B] int64
    volume: Tensor  # [B] angstrom^3, NaN where not fully periodic
    task: Tensor  # [B] int64
    conditions: dict[str, Tensor] = field(default_factory=dict)  # name -> [B], e.g. total_charge, spin_multiplicity
    e0: Tensor | None = None  # [B] float64, sum of the reference energies of the structure's task
    energy: Tensor | None = None  # [B] float64 total energy
    forces: Tensor | None = None  # [N, 3]
    stress: Tensor | None = None  # [B, 6] xx yy zz xy xz yz, tension positive
    weight: Tensor | None = None  # [B]
    outputs: dict[str, Tensor] = field(default_factory=dict)  # labels of named per-atom outputs, [N] or [N, k]

    @property
    def n_structures(self) -> int:
        return int(self.n_atoms.shape[0])

    def model_conditions(self) -> dict[str, Tensor]:
        """Conditions as models take them: one value per atom, the task included."""
        per_atom = {name: value[self.structure] for name, value in self.conditions.items()}
        per_atom["task"] = self.task[self.structure]
        return per_atom

    def without_edges(self) -> GraphBatch:
        """The same with no edges: what errors are computed from, at a fraction of the memory."""
        none = {name: getattr(self, name).new_empty((0, *getattr(self, name).shape[1:])) for name in EDGE_TENSORS}
        return replace(self, **none)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> GraphBatch:
        """Moves all tensors; casts floating ones except energies, which stay float64 (-2,000 eV needs them)."""
        keep = {"e0", "energy"}

        def move(name: str, value: Tensor) -> Tensor:
            cast = dtype if value.is_floating_point() and name not in keep else None
            return value.to(device=device, dtype=cast)

        changed: dict[str, object] = {}
        for name, value in self.__dict__.items():
            if isinstance(value, Tensor):
                changed[name] = move(name, value)
            elif isinstance(value, dict):
                changed[name] = {key: move(key, entry) for key, entry in value.items()}
        return replace(self, **changed)  # type: ignore[arg-type]
