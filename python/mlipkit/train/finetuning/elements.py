# SPDX-License-Identifier: MIT
"""Which known element a new one resembles most, by the periodic table."""

from __future__ import annotations

from collections.abc import Sequence

from ase.data import atomic_numbers

NOBLE = (0, 2, 10, 18, 36, 54, 86, 118)
F_BLOCK = 14  # elements that share group 3 with their neighbour


def group_and_period(symbol: str) -> tuple[int, int]:
    """Group 1 to 18 (3 for lanthanides and actinides) and period 1 to 7."""
    number = atomic_numbers[symbol]
    period = next(index for index, last in enumerate(NOBLE) if number <= last)
    place, length = number - NOBLE[period - 1], NOBLE[period] - NOBLE[period - 1]
    if place <= 2 and place < length:
        return place, period
    if length == 32:
        place = max(3, place - F_BLOCK)
        length -= F_BLOCK
    return place + 18 - length, period


def nearest_element(symbol: str, known: Sequence[str]) -> str:
    """The known element of the nearest group; among those the one of the nearest period, then of the nearest number.

    Elements of one group have the same number of valence electrons and bond alike: chlorine starts as fluorine rather
    than as sulfur, molybdenum as tungsten rather than as niobium.

    Raises:
        ValueError: no element is known.
    """
    group, period = group_and_period(symbol)

    def distance(other: str) -> tuple[int, int, int]:
        other_group, other_period = group_and_period(other)
        return (
            abs(other_group - group),
            abs(other_period - period),
            abs(atomic_numbers[other] - atomic_numbers[symbol]),
        )

    return min(known, key=distance)
