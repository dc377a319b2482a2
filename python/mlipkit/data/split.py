# SPDX-License-Identifier: MIT
"""Random splits that depend on nothing but the seed and the number of structures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipkit.data.errors import DataError


@dataclass(frozen=True)
class Split:
    """Indices of structures, ascending."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def random_split(n_structures: int, validation: float, test: float, seed: int) -> Split:
    """Takes out ``validation`` and ``test`` fractions at random; a fraction above zero gives at least one structure.

    Raises:
        DataError: nothing would be left to train on.
    """
    sizes = [max(1, round(fraction * n_structures)) if fraction > 0 else 0 for fraction in (validation, test)]
    if n_structures - sum(sizes) < 1:
        raise DataError(
            f"{n_structures} structures cannot be split into {sizes[0]} for validation and {sizes[1]} for test: "
            "none is left to train on; add data, or name data.validation files"
        )
    order = np.random.Generator(np.random.PCG64(seed)).permutation(n_structures)
    parts = np.split(order, np.cumsum(sizes))
    return Split(*(np.sort(part) for part in (parts[2], parts[0], parts[1])))
