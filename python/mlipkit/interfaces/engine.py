# SPDX-License-Identifier: MIT
"""The C++ engine for Python: neighbour lists and opened artifacts, NumPy arrays in and out.

Every array that is handed out is a copy and stays valid. Units are eV and angstrom; rows of a cell are its vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Status(IntEnum):
    """What kind of failure the engine reports (``mlip_status`` of ``mlip.h``)."""

    ARGUMENT = 1
    ARTIFACT = 2
    BACKEND = 3
    NUMERIC = 4
    HOST = 5


class EngineError(RuntimeError):
    """The engine refused or failed; the message says what, where and what to do.

    Attributes:
        status: the kind of failure.
        message: the message alone.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = Status(status)
        self.message = message


from mlipkit import _engine  # noqa: E402  (the binding looks EngineError up here)


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
        self._handle = _engine.Neighbours(cutoff, skin)
        self.cutoff = cutoff
        self.skin = skin

    @property
    def builds(self) -> int:
        """How often the candidate pairs were rebuilt."""
        return int(self._handle.builds())

    def update(self, positions: ArrayLike, cell: ArrayLike | None = None, pbc: ArrayLike = False) -> Edges:
        """Edges of the given structure.

        Args:
            positions: [N, 3] angstrom, need not be wrapped.
            cell: [3, 3] rows are vectors; not read in open directions; None allowed without periodicity.
            pbc: one or three booleans.

        Raises:
            EngineError: degenerate cell, positions that are not finite, two atoms at the same place.
        """
        return Edges(*self._handle.update(np.asarray(positions, dtype=np.float64), *_box(cell, pbc)))


def _box(cell: ArrayLike | None, pbc: ArrayLike) -> tuple[FloatArray, NDArray[np.int32]]:
    """Cell [3, 3] and periodicity [3] as the binding takes them."""
    vectors = np.zeros((3, 3)) if cell is None else np.asarray(cell, dtype=np.float64)
    return vectors, np.broadcast_to(np.asarray(pbc, dtype=bool), 3).astype(np.int32)
