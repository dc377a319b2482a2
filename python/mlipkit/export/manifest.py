# SPDX-License-Identifier: MIT
"""The manifest ``mlip.json``: what an artifact says about itself. Imports no torch.

``docs/artifact.md`` lists the same fields; a test compares the two.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

SCHEMA: Literal[1] = 1
Precision = Literal["single", "mixed", "double"]
PRECISIONS: tuple[Precision, ...] = ("single", "mixed", "double")

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]


class Record(BaseModel):
    """Unknown fields are errors: a file of a later schema is never half understood."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Units(Record):
    energy: Literal["eV"] = Field(default="eV", description="unit of every energy")
    length: Literal["angstrom"] = Field(default="angstrom", description="unit of every length")
    charge: Literal["e"] = Field(default="e", description="unit of every charge")


class Halo(Record):
    exchanges: Count = Field(description="feature exchanges per forward pass; 0 for a strictly local model")
    values_per_ghost: Count = Field(description="numbers per ghost atom in one exchange")


class TaskEntry(Record):
    name: str = Field(min_length=1, description="name by which hosts choose the task")
    level_of_theory: str = Field(description="functional, basis, dispersion: what the labels were computed with")
    e0: dict[str, float] = Field(description="reference energy of each species, eV; added by the engine in float64")


class Condition(Record):
    required: bool = Field(description="whether a host must set a value in tasks that have no default")
    range: tuple[float, float] = Field(description="smallest and largest value allowed, both included")
    default: dict[str, float] = Field(description="value per task when the host sets none")

    @model_validator(mode="after")
    def _defaults_inside_range(self) -> Condition:
        low, high = self.range
        if low > high:
            raise ValueError(f"range [{low}, {high}] is empty")
        outside = {task: value for task, value in self.default.items() if not low <= value <= high}
        if outside:
            raise ValueError(f"defaults {outside} lie outside the range [{low}, {high}]")
        return self


class Output(Record):
    name: str = Field(min_length=1, description="name by which hosts ask for it; per atom: key in the module's answer")
    unit: str = Field(description="unit of the values")
    per: Literal["atom", "structure"] = Field(default="atom", description="what one row belongs to")
    width: int = Field(ge=1, description="values per row")
    sums_to: Literal["total_charge"] | None = Field(
        default=None, description="per atom: what the values are shifted to sum to, `total_charge`; null: nothing"
    )
    statistic: Literal["sum", "mean", "max", "deviation_of_sums"] | None = Field(
        default=None, description="per structure: `sum`, `mean`, `max` or `deviation_of_sums` over all atoms"
    )
    of: str | None = Field(default=None, description="per structure: the output per atom that it is taken of")
    factor: float = Field(default=1.0, description="per structure: factor on the statistic")

    @model_validator(mode="after")
    def _per_structure(self) -> Output:
        if (self.per == "structure") != (self.statistic is not None and self.of is not None):
            raise ValueError(f"output {self.name!r}: exactly outputs per structure have a statistic of another output")
        if self.sums_to is not None and (self.per != "atom" or self.width != 1):
            raise ValueError(f"output {self.name!r}: only outputs per atom of width 1 sum to {self.sums_to}")
        return self


class Differences(Record):
    energy_per_atom: float = Field(ge=0, description="eV per atom")
    force: float = Field(ge=0, description="eV/angstrom, largest component")
    virial: float = Field(ge=0, description="eV, largest component")


class Verification(Differences):
    n_structures: Count = Field(description="probe structures compared")


class Dataset(Record):
    path: str = Field(description="name of the file that was read")
    sha256: str = Field(description="its SHA-256")


class Provenance(BaseModel):
    """Where the model comes from. Further entries are allowed: nothing is decided by them."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    config_sha256: str | None = Field(default=None, description="SHA-256 of the training configuration")
    datasets: list[Dataset] = Field(default_factory=list, description="data files of the training run")
    torch_version: str | None = Field(default=None, description="torch that wrote the artifact")


class Manifest(Record):
    schema_version: Literal[1] = Field(default=SCHEMA, alias="schema", description="version of this format")
    mlipkit_version: str = Field(description="mlipkit that wrote the artifact")
    architecture: str = Field(description="name of the architecture in the registry")
    species: list[str] = Field(min_length=1, description="chemical symbols in model order")
    atomic_numbers: list[int] = Field(description="atomic number of each species")
    masses: dict[str, float] = Field(description="standard atomic mass of each species, u")
    cutoff: Positive = Field(description="longest edge that contributes, angstrom")
    n_layers: int = Field(ge=1, description="message-passing layers")
    interaction_range: Positive = Field(description="how far an atom can feel another: n_layers x cutoff, angstrom")
    halo: Halo = Field(description="exchange of ghost features between processes")
    units: Units = Field(default=Units(), description="units of everything in and out")
    dtype: Literal["float32", "float64"] = Field(description="training dtype; parameters are stored in it")
    precisions: list[Precision] = Field(min_length=1, description="precisions verified at export and offered to hosts")
    default_precision: Precision = Field(description="precision when the host names none")
    tasks: list[TaskEntry] = Field(min_length=1, description="levels of theory, in model order")
    conditions: dict[str, Condition] = Field(description="conditions of the whole system that the model takes")
    outputs: list[Output] = Field(description="named outputs besides the energy")
    tolerances: dict[Precision, Differences] = Field(description="largest differences allowed on the probe")
    verification: dict[Precision, Verification] = Field(description="largest differences found at export")
    license: str | None = Field(default=None, description="licence of the model, an SPDX name where there is one")
    authors: list[str] = Field(default_factory=list, description="who made the model")
    citation: list[str] = Field(default_factory=list, description="what to cite when using it")
    provenance: Provenance = Field(default=Provenance(), description="where the model comes from")

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        names = [task.name for task in self.tasks]
        if len(set(self.species)) != len(self.species) or len(set(names)) != len(names):
            raise ValueError("species and task names must be unique")
        if len(self.atomic_numbers) != len(self.species) or set(self.masses) != set(self.species):
            raise ValueError("atomic_numbers and masses must cover exactly the species")
        for task in self.tasks:
            if set(task.e0) != set(self.species):
                raise ValueError(f"e0 of task {task.name!r} must cover exactly the species")
        if self.default_precision not in self.precisions:
            raise ValueError(f"default_precision {self.default_precision!r} is not among precisions {self.precisions}")
        if set(self.tolerances) != set(self.precisions) or set(self.verification) != set(self.precisions):
            raise ValueError("tolerances and verification must cover exactly the precisions")
        for name, condition in self.conditions.items():
            if not set(condition.default) <= set(names):
                raise ValueError(f"defaults of condition {name!r} name unknown tasks; known: {', '.join(names)}")
            if condition.required == (set(condition.default) == set(names)):
                raise ValueError(f"condition {name!r} is required exactly when a task has no default for it")
        widths = {output.name: output.width for output in self.outputs if output.per == "atom"}
        for output in self.outputs:
            if output.of is not None and output.of not in widths:
                raise ValueError(f"output {output.name!r}: there is no output per atom {output.of!r}")
        return self

    def dumps(self) -> str:
        """JSON with sorted keys and fixed formatting: equal manifests give equal bytes."""
        return stable_json(self.model_dump(by_alias=True))


def stable_json(content: Any) -> str:
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
