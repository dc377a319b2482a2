# SPDX-License-Identifier: MIT
"""Where in a frame each label lies and in which unit: sections `keys` and `units` of a configuration."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mlipkit.data import units


class Section(BaseModel):
    """Unknown keys are errors, numbers are finite; values are not changed after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


# What sorts frames, not a quantity: one key may serve both.
FRAME_NAMES = ("config_type", "task")


class Keys(Section):
    """Where in a frame each thing lies: names of ``atoms.info``, ``atoms.arrays`` or calculator results."""

    energy: str | None = Field(default="energy", description="total energy; null: these files have none")
    forces: str | None = Field(default="forces", description="forces, one vector per atom; null: these files have none")
    stress: str | None = Field(
        default="stress", description="stress, 3x3 or Voigt (xx yy zz yz xz xy), tension positive"
    )
    virial: str | None = Field(default=None, description="virial W = -V x stress instead of the stress")
    config_type: str = Field(default="config_type", description="kind of configuration, for error tables and weights")
    task: str | None = Field(default=None, description="name of the task of each frame, instead of one task per file")
    total_charge: str = Field(default="total_charge", description="total charge (e)")
    spin_multiplicity: str = Field(default="spin_multiplicity", description="2S+1")
    outputs: dict[str, str] = Field(default_factory=dict, description="named per-atom output: key of its labels")

    @model_validator(mode="before")
    @classmethod
    def _virial_replaces_stress(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("virial") is not None:
            if value.get("stress") is not None:
                raise ValueError("contradictory: give either stress or virial, not both")
            return {**value, "stress": None}
        return value

    @model_validator(mode="after")
    def _one_quantity_each(self) -> Keys:
        named = {name: getattr(self, name) for name in type(self).model_fields if name not in {"outputs", *FRAME_NAMES}}
        taken: dict[str, str] = {}
        for name, key in (*named.items(), *((f"outputs.{name}", key) for name, key in self.outputs.items())):
            if key is not None and key in taken:
                raise ValueError(f"contradictory: key {key!r} is given for both {taken[key]} and {name}")
            if key is not None:
                taken[key] = name
        return self


_DIMENSIONS = {"energy": units.ENERGY, "length": units.LENGTH, "forces": units.FORCE, "stress": units.STRESS}


class UnitNames(Section):
    """Units of the numbers in the files."""

    energy: str = Field(default="eV", description="unit of energies and virials")
    length: str = Field(default="angstrom", description="unit of positions and cells")
    forces: str | None = Field(default=None, description="unit of forces; null: energy / length")
    stress: str | None = Field(default=None, description="unit of stresses; null: energy / length^3")

    @field_validator("energy", "length", "forces", "stress")
    @classmethod
    def _has_its_dimension(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            units.factor(value, _DIMENSIONS[str(info.field_name)], str(info.field_name))
        return value

    @model_validator(mode="after")
    def _mixed_on_purpose(self) -> UnitNames:
        """Forces in another unit of energy than the energies are fine, but only where the user has said both."""
        derived = {"forces": f"{self.energy}/{self.length}", "stress": f"{self.energy}/{self.length}^3"}
        for name, expected in derived.items():
            given = getattr(self, name)
            if given is None or "energy" in self.model_fields_set or units.is_pressure(given):
                continue
            ratio = units.factor(given, _DIMENSIONS[name], name) / units.factor(expected, _DIMENSIONS[name], name)
            if abs(ratio - 1) > 1e-3:
                raise ValueError(
                    f"{name} in {given!r} do not go with energies in {self.energy!r}, which nobody stated ({expected} "
                    f"is another unit by a factor of {1 / ratio:.5g}); state `energy` too, whatever it is"
                )
        return self
