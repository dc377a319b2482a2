# SPDX-License-Identifier: MIT
"""The one kind of error that reading and preparing data raises."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DataError(ValueError):
    """Data cannot be used; the message says which file, frame and key, and what to do."""


def nearest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the nearest of the known words, or an empty string."""
    folded = {entry.casefold(): entry for entry in known}
    matches = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.5)
    return f"; did you mean {folded[matches[0]]!r}?" if matches else ""
