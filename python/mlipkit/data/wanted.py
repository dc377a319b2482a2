# SPDX-License-Identifier: MIT
"""What structures must have to be of use."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mlipkit.data.config import Label


@dataclass(frozen=True)
class Wanted:
    """What a structure must have.

    Attributes:
        labels: those that the loss or an evaluation needs.
        conditions: those that the model takes, each with its default per task for frames that do not say.
        optional: conditions that may be missing all the same.
    """

    labels: Collection[Label] = ()
    conditions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    optional: Collection[str] = ()
