# SPDX-License-Identifier: MIT
"""What a user says about data: files, keys, units, tasks, splits. Plain pydantic, no torch, no file access."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Label = Literal["energy", "forces", "stress"]
DEFAULT_TASK = "default"
ISOLATED_ATOM = "IsolatedAtom"
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """Unknown keys are errors; values are not changed after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


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


class UnitNames(Section):
    """Units of the numbers in the files."""

    energy: str = Field(default="eV", description="unit of energies and virials")
    length: str = Field(default="angstrom", description="unit of positions and cells")
    forces: str | None = Field(default=None, description="unit of forces; null: energy / length")
    stress: str | None = Field(default=None, description="unit of stresses; null: energy / length^3")


class FileEntry(Section):
    """One data file."""

    path: str = Field(description="file, relative to the folder of the configuration; .xz, .gz and .bz2 are unpacked")
    format: str | None = Field(default=None, description="format name of ASE; null: from the file name")
    frames: str = Field(default=":", description="frames to take, as a Python slice such as `:100` or `::2`")
    task: str | None = Field(default=None, description="task (level of theory) of the labels; null: the only one")
    keys: Keys | None = Field(default=None, description="instead of `data.keys`")
    units: UnitNames | None = Field(default=None, description="instead of `data.units`")
    stress_sign: Literal["tension", "pressure"] = Field(
        default="tension", description="what a positive diagonal stress in the file means"
    )
    weight: float = Field(default=1.0, ge=0, description="weight of each of its structures in the loss")
    incomplete: tuple[Label, ...] = Field(default=(), description="labels that some of its frames may lack")

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @field_validator("frames")
    @classmethod
    def _is_slice(cls, value: str) -> str:
        parse_frames(value)
        return value


class TaskConfig(Section):
    """A level of theory."""

    level_of_theory: str = Field(
        default="unspecified", description="functional, basis, dispersion: how labels were computed"
    )
    e0: dict[str, float] = Field(default_factory=dict, description="reference energies (eV); isolated atoms win")
    defaults: dict[str, float] = Field(default_factory=dict, description="condition: value of frames that lack it")


class SplitConfig(Section):
    """Fractions that are taken at random from the training files where no files are named."""

    validation: Fraction = Field(
        default=0.1, description="fraction for validation, unless `data.validation` names files"
    )
    test: Fraction = Field(default=0.0, description="fraction for the final test, unless `data.test` names files")
    seed: int = Field(default=0, description="of the random choice")

    @model_validator(mode="after")
    def _something_left(self) -> SplitConfig:
        if self.validation + self.test >= 1:
            raise ValueError("validation + test must stay below 1: nothing would be left to train on")
        return self


class DataConfig(Section):
    """The section ``data`` of a training configuration."""

    train: tuple[FileEntry, ...] = Field(min_length=1, description="training files: paths or entries")
    validation: tuple[FileEntry, ...] = Field(default=(), description="validation files; empty: see `split.validation`")
    test: tuple[FileEntry, ...] = Field(default=(), description="test files; empty: see `split.test`")
    split: SplitConfig = Field(default=SplitConfig(), description="random split")
    keys: Keys = Field(default=Keys(), description="keys of all files that do not say otherwise")
    units: UnitNames = Field(default=UnitNames(), description="units of all files that do not say otherwise")
    tasks: dict[str, TaskConfig] = Field(default_factory=dict, description="levels of theory by name")
    config_type_weights: dict[str, float] = Field(default_factory=dict, description="config_type: factor on the weight")
    keep_isolated_atoms: bool = Field(
        default=False, description="train on isolated atoms too, not only take E0 from them"
    )

    @field_validator("train", "validation", "test", mode="before")
    @classmethod
    def _one_file_alone(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, dict)) else value

    def task_names(self) -> list[str]:
        """Names in model order: as declared, else as they first appear in the files."""
        if self.tasks:
            return list(self.tasks)
        named = [entry.task for entry in (*self.train, *self.validation, *self.test) if entry.task]
        return list(dict.fromkeys(named)) or [DEFAULT_TASK]


def parse_frames(text: str) -> slice:
    """``"start:stop:step"`` as a slice.

    Raises:
        ValueError: it is not one.
    """
    try:
        parts = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        parts = []
    if not 2 <= len(parts) <= 3 or (len(parts) == 3 and parts[2] == 0):
        raise ValueError(f"{text!r} is not a slice such as ':', ':100' or '10::2'")
    return slice(*parts)
