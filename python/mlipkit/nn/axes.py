# SPDX-License-Identifier: MIT
"""What the axes of a model's parameters are, so that code that knows no architecture can grow, freeze and adapt them.

A module names the axes of its parameters in a class attribute ``axes``: ``{"weight": ("species", "in", "out")}``;
dotted names for parameters of its parts, ``*`` for any number of a list. Some names have a meaning, all others are for
readers:

``species``, ``task``   one entry per species or task of the model;
``in``, ``out``         as the last two axes: a matrix of a linear map, or a stack of them.

A module whose class says ``is_readout = True`` turns features into energies or outputs.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor, nn

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Rows:
    """Entries along an axis that are copies of old ones: entry i of the new axis is entry ``sources[i]`` of the old."""

    names: list[str]
    sources: list[int]

    def pick(self, values: Sequence[Entry]) -> list[Entry]:
        """The entries of a list."""
        return [values[source] for source in self.sources]

    def select(self, values: Tensor, axis: int) -> Tensor:
        """The entries of a tensor along an axis, bit for bit."""
        return values.index_select(axis, values.new_tensor(self.sources).long())


def parameter_axes(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """Names of the axes of every parameter, by its name; empty where no module says.

    Where a module and one of its parts both name a parameter, the module is right: it knows what the part serves for.
    """
    found: dict[str, tuple[str, ...]] = {name: () for name, _ in model.named_parameters()}
    for prefix, module in model.named_modules():  # a module before its parts
        for pattern, names in getattr(type(module), "axes", {}).items():
            full = f"{prefix}.{pattern}".lstrip(".")
            found.update({name: names for name in fnmatch.filter(found, full) if not found[name]})
    return found


def readout_parameters(model: nn.Module) -> list[str]:
    """Names of the parameters of all readouts."""
    return [
        f"{prefix}.{name}"
        for prefix, module in model.named_modules()
        if getattr(type(module), "is_readout", False)
        for name, _ in module.named_parameters()
    ]
