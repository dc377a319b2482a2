# SPDX-License-Identifier: MIT
"""How well the total energy of a trajectory is conserved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def drift(time: NDArray[np.float64], energy: NDArray[np.float64], blocks: int = 10) -> tuple[float, float]:
    """Slope of the energy and its standard error, from a straight line through the means of equal blocks."""
    t = np.array([part.mean() for part in np.array_split(time, blocks)])
    e = np.array([part.mean() for part in np.array_split(energy, blocks)])
    slope, offset = np.polyfit(t, e, 1)
    residual = e - (slope * t + offset)
    error = np.sqrt((residual**2).sum() / (blocks - 2) / ((t - t.mean()) ** 2).sum())
    return float(slope), float(error)


def fluctuation(time: NDArray[np.float64], energy: NDArray[np.float64]) -> float:
    """Standard deviation of the total energy about its straight line."""
    return float((energy - np.polyval(np.polyfit(time, energy, 1), time)).std())
