# SPDX-License-Identifier: MIT
"""Architectures by name. A second architecture is one file with a decorated class and no change elsewhere.

An architecture is an ``nn.Module`` that TorchScript can compile, built from a pydantic config alone, with

``forward(r_ij [E, 3], centre [E], neighbour [E], species [n_all], n_local: int, conditions: Dict[str, Tensor])
-> Dict[str, Tensor]``

which returns ``energy`` [n_local] (without reference energies E0) and its named per-atom outputs. It never calls
autograd and knows no host. ``docs/artifact.md`` states the whole contract.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from pydantic import BaseModel

_ARCHITECTURES: dict[str, tuple[type[torch.nn.Module], type[BaseModel]]] = {}
Module = TypeVar("Module", bound=type[torch.nn.Module])


def register(name: str, config: type[BaseModel]) -> Callable[[Module], Module]:
    """Class decorator: makes the architecture known as ``name``, configured by ``config``."""

    def add(cls: Module) -> Module:
        _ARCHITECTURES[name] = (cls, config)
        return cls

    return add


def architectures() -> list[str]:
    return sorted(_ARCHITECTURES)


def config_class(name: str) -> type[BaseModel]:
    """Config class of an architecture; KeyError names the known ones."""
    if name not in _ARCHITECTURES:
        raise KeyError(f"unknown architecture {name!r}; known: {', '.join(architectures())}")
    return _ARCHITECTURES[name][1]


def build_model(name: str, config: dict[str, Any] | BaseModel) -> torch.nn.Module:
    """Builds a model from its config alone; parameters are in float64 and freshly initialised from torch's RNG."""
    checked = config_class(name).model_validate(config if isinstance(config, dict) else config.model_dump())
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return _ARCHITECTURES[name][0](checked)
    finally:
        torch.set_default_dtype(previous)
