# SPDX-License-Identifier: MIT
"""Architectures by name, and the contract that lets training, export and hosts serve any of them.

An architecture is one file: a pydantic config derived from ``ArchitectureConfig`` and an ``nn.Module`` that fulfils
``Architecture``, decorated with ``@register(name, config)`` and imported by ``mlipkit.nn``. Nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar

import torch
from ase.data import atomic_numbers
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from mlipkit.nn.axes import Rows

_ARCHITECTURES: dict[str, tuple[type[torch.nn.Module], type[BaseModel]]] = {}
Module = TypeVar("Module", bound=type[torch.nn.Module])


class OutputSpec(BaseModel):
    """A named per-atom output besides the energy; the module returns it as [n_local, width].

    With ``sums_to`` the module returns raw values, and ``mlipkit.nn.evaluate`` and the engine add the same amount to
    each atom of a structure so that they sum to its total charge (0 where the model does not take ``total_charge``).
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    unit: str
    width: int = Field(default=1, ge=1)
    sums_to: Literal["total_charge"] | None = None

    @model_validator(mode="after")
    def _charges_alone_sum_to_the_charge(self) -> OutputSpec:
        if self.sums_to is not None and (self.unit, self.width) != ("e", 1):
            raise ValueError(
                f"output {self.name!r} cannot sum to the total charge with unit {self.unit!r} and width {self.width}: "
                "it needs unit e and width 1; or leave sums_to out"
            )
        return self


class StatisticSpec(BaseModel):
    """An output of the structure that hosts compute from a per-atom output, over all their processes.

    ``deviation_of_sums`` is the sample standard deviation, over the columns, of the columns' sums: for the energies of
    an ensemble that of the members' total energies.
    """

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    unit: str
    of: str  # the per-atom output
    statistic: Literal["sum", "mean", "max", "deviation_of_sums"]
    factor: float = 1.0


class ArchitectureConfig(BaseModel):
    """What hosts, training and export ask of every architecture; subclasses add their own fields."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    species: list[str] = Field(min_length=1, description="chemical symbols in model order")
    cutoff: float = Field(gt=0, description="longest edge that contributes, angstrom")
    n_layers: int = Field(default=2, ge=1, description="message-passing layers")
    tasks: list[str] = Field(default=["default"], min_length=1, description="levels of theory in model order")
    total_charge_range: tuple[int, int] | None = Field(default=None, description="smallest and largest charge, e")
    spin_multiplicity_range: tuple[int, int] | None = Field(default=None, description="smallest and largest 2S+1")
    outputs: list[OutputSpec] = Field(default=[], description="named per-atom outputs besides energy")

    @model_validator(mode="after")
    def _names_and_ranges(self) -> ArchitectureConfig:
        outputs = [output.name for output in self.outputs]
        for what, names in (("species", self.species), ("tasks", self.tasks), ("outputs", outputs)):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} must be unique, got {names}")
        unknown = [symbol for symbol in self.species if symbol not in atomic_numbers]
        if unknown:
            raise ValueError(f"species {unknown} are not chemical symbols")
        if "energy" in outputs:
            raise ValueError("the output name 'energy' is taken; rename the output")
        for name, (low, high) in self.condition_ranges.items():
            if low > high:
                raise ValueError(f"{name}_range [{low}, {high}] is empty; give [smallest, largest]")
        if self.spin_multiplicity_range is not None and self.spin_multiplicity_range[0] < 1:
            raise ValueError("spin multiplicity is 2S+1 and starts at 1")
        return self

    def regrown(self, species: Rows, tasks: Rows) -> dict[str, Any]:
        """Options of the same model with other species and tasks, each of which starts as a copy of an old one.

        The forward pass of what was there must stay the same, bit for bit where species alone are added, when
        parameters are copied along the axes that :mod:`mlipkit.nn.axes` knows. A parameter that only the new model has,
        because there are several tasks now, must do nothing as long as it is zero. Architectures add what they hold per
        species or task.
        """
        return {**self.model_dump(mode="json"), "species": species.names, "tasks": tasks.names}

    @property
    def condition_ranges(self) -> dict[str, tuple[int, int]]:
        """Conditions that the module reads besides ``task``, with their smallest and largest value."""
        ranges = {"total_charge": self.total_charge_range, "spin_multiplicity": self.spin_multiplicity_range}
        return {name: limits for name, limits in ranges.items() if limits is not None}

    @property
    def computed_outputs(self) -> list[OutputSpec]:
        """Per-atom outputs of a finished model that no label trains."""
        return []

    @property
    def statistics(self) -> list[StatisticSpec]:
        """Outputs of the structure that follow from per-atom ones."""
        return []

    @property
    def n_exchanges(self) -> int:
        """Halo exchanges per forward pass; 0 for a strictly local model."""
        raise NotImplementedError

    @property
    def values_per_ghost(self) -> int:
        """Numbers per ghost atom in one halo exchange."""
        raise NotImplementedError

    @property
    def interaction_range(self) -> float:
        """How far an atom can feel another, angstrom."""
        return self.n_layers * self.cutoff


class Architecture(Protocol):
    """A model: an ``nn.Module`` built from its config alone that TorchScript can compile.

    It never calls autograd and knows no host. Parameters are what a checkpoint holds; constants are non-persistent
    buffers computed anew in float64 from the config. Geometry is computed in the dtype of ``r_ij``, the network in the
    dtype of the parameters, and per-atom energies are summed over layers in the dtype of ``r_ij`` again. Edges longer
    than the cutoff contribute nothing. Ghosts (atoms n_local .. n_all-1) are neighbours only; before every layer but
    the first their features come from ``torch.ops.mlip.halo_exchange``, called ``config.n_exchanges`` times whatever
    the process owns. Centroid virials, which a heat flux needs, exist for models whose exchanged features go on to
    centres by ``torch.ops.mlip.convolution`` or ``convolution_table``; other ones are refused when they are asked for.
    No edges and no atoms are ordinary inputs, and the energy stays connected to ``r_ij``. Modules that call operators
    of the library do without them where they are plain (:mod:`mlipkit.nn.plain`); there are no ghosts then.

    A model with uncertainties holds a ``mlipkit.nn.ensemble.Ensemble`` as its submodule ``ensemble``.
    For fine-tuning, modules name the axes of their parameters and say which of them are readouts
    (:mod:`mlipkit.nn.axes`).
    """

    config: ArchitectureConfig

    def forward(
        self,
        r_ij: Tensor,
        centre: Tensor,
        neighbour: Tensor,
        species: Tensor,
        n_local: int,
        conditions: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        """Per-atom energies and outputs.

        Args:
            r_ij: [E, 3] from centre to neighbour, angstrom.
            centre: [E] int64 < n_local, ascending.
            neighbour: [E] int64 < n_all.
            species: [n_all] int64, index into ``config.species``.
            n_local: atoms owned by this process; they come first.
            conditions: ``task`` (int64) and every name in ``config.condition_ranges`` (floating), each [1], or
                [n_local] where n_all = n_local. Where the key ``without_outputs`` is present, the caller wants
                the energy alone.

        Returns:
            ``energy`` [n_local] eV without reference energies, and each of ``config.outputs`` and, when evaluating,
            ``config.computed_outputs`` as [n_local, width], in the dtype of ``r_ij``.
        """
        ...


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
