# SPDX-License-Identifier: MIT
"""Neighbour lists over periodic images, by the engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

import mlipkit._engine as _engine

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Edges:
    """Directed edges sorted by centre: ``r_ij = r_j - r_i + S H`` with centre i, neighbour j, integer shift S."""

    centre: IntArray  # [E]
    neighbour: IntArray  # [E]
    shifts: NDArray[np.int32]  # [E, 3]
    r_ij: FloatArray  # [E, 3] angstrom

    def __len__(self) -> int:
        return len(self.centre)


class NeighbourList:
    """Full neighbour list by a cell list over periodic images; the cutoff may exceed the cell.

    Args:
        cutoff: angstrom; edges are shorter than it.
        skin: angstrom; candidate pairs within cutoff + skin are kept until an atom has moved by half the skin or the
            cell has changed.
    """

    def __init__(self, cutoff: float, skin: float = 0.0) -> None:
        self.handle = _engine.Neighbours(cutoff, skin)
        self.cutoff = cutoff
        self.skin = skin

    @property
    def builds(self) -> int:
        """How often the candidate pairs were rebuilt."""
        return int(self.handle.builds())

    def update(self, positions: ArrayLike, cell: ArrayLike | None = None, pbc: ArrayLike = False) -> Edges:
        """Edges of the given structure.

        Args:
            positions: [N, 3] angstrom, need not be wrapped.
            cell: [3, 3] rows are vectors; not read in open directions; None allowed without periodicity.
            pbc: one or three booleans.

        Raises:
            EngineError: degenerate cell, positions that are not finite, two atoms at the same place.
        """
        return Edges(*self.handle.update(np.asarray(positions, dtype=np.float64), *box_arrays(cell, pbc)))


def box_arrays(cell: ArrayLike | None, pbc: ArrayLike) -> tuple[FloatArray, NDArray[np.int32]]:
    """Cell [3, 3] and periodicity [3] as the binding takes them."""
    vectors = np.zeros((3, 3)) if cell is None else np.asarray(cell, dtype=np.float64)
    return vectors, np.broadcast_to(np.asarray(pbc, dtype=bool), 3).astype(np.int32)
