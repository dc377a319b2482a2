# SPDX-License-Identifier: MIT
"""Irreps as e3nn writes them ("16x0e+16x1o"), read without e3nn."""

from __future__ import annotations

import re
from typing import Any

from mlipkit.importers.mace.errors import KEEP, ImportRefused

TERM = re.compile(r"^(?:(\d+)x)?(\d+)([eo])$")


def degrees(irreps: Any, where: str) -> list[tuple[int, int]]:
    """(multiplicity, l) of each term; refused where a parity is not the natural (-1)^l."""
    result = []
    for term in str(irreps).replace(" ", "").split("+"):
        match = TERM.match(term)
        if match is None:
            raise ImportRefused(f"{where} has irreps {irreps}, which are not understood; {KEEP}")
        degree = int(match[2])
        if (match[3] == "e") != (degree % 2 == 0):
            raise ImportRefused(
                f"{where} has irreps {irreps}: features of unnatural parity ({term}; use_so3, or pseudoscalars and "
                f"-vectors) are not converted; {KEEP}"
            )
        result.append((int(match[1] or 1), degree))
    return result


def uniform(irreps: Any, where: str) -> tuple[int, int]:
    """(channels, l_max) of irreps that hold every degree 0 .. l_max once, with equally many channels."""
    found = degrees(irreps, where)
    channels = found[0][0]
    if found != [(channels, degree) for degree in range(len(found))]:
        raise ImportRefused(
            f"{where} has irreps {irreps}; only equally many channels of every degree from 0 on can be converted "
            f"(0e, 0e+1o, 0e+1o+2e); {KEEP}"
        )
    return channels, len(found) - 1
