# SPDX-License-Identifier: MIT
"""What a user says about data: files, keys, units, tasks, splits. Plain pydantic, no torch, no file access."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mlipkit.data.errors import nearest
from mlipkit.data.keys import Keys, Section, UnitNames

Label = Literal["energy", "forces", "stress"]
DEFAULT_TASK = "default"
ISOLATED_ATOM = "IsolatedAtom"
VALIDATION_SHARE = 0.1  # of the training files, where nothing is said
Fraction = Annotated[float, Field(ge=0, lt=1)]
Weight = Annotated[float, Field(ge=0)]


class FileEntry(Section):
    """One data file, or all files that match a pattern."""

    path: str = Field(
        min_length=1,
        description="file, data store or pattern (`*`, `?`, `[...]`, `**`), relative to the folder of the "
        "configuration; .xz, .gz and .bz2 are unpacked",
    )
    format: str | None = Field(default=None, description="format name of ASE; null: from the file name")
    frames: str = Field(default=":", description="frames to take of each file, as a Python slice such as `:100`")
    task: str | None = Field(default=None, description="task (level of theory) of the labels; null: the only one")
    keys: Keys | None = Field(default=None, description="instead of `data.keys`")
    units: UnitNames | None = Field(default=None, description="instead of `data.units`")
    stress_sign: Literal["tension", "pressure"] = Field(
        default="tension", description="what a positive diagonal stress in the file means"
    )
    weight: Weight = Field(default=1.0, description="weight of each of its structures in the loss; 0: left out")
    share: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="share of the structures of an epoch, relative to those of the other entries; null: none has a "
        "share, and each structure comes once",
    )
    incomplete: tuple[str, ...] = Field(
        default=(), description="labels that some of its frames may lack: energy, forces, stress or named outputs"
    )

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @field_validator("frames")
    @classmethod
    def _is_slice(cls, value: str) -> str:
        parse_frames(value)
        return value

    @model_validator(mode="after")
    def _one_task_each(self) -> FileEntry:
        if self.task is not None and self.keys is not None and self.keys.task is not None:
            raise ValueError("contradictory: give either task or keys.task, not both")
        return self


class TaskConfig(Section):
    """A level of theory."""

    level_of_theory: str = Field(
        default="unspecified", description="functional, basis, dispersion: how labels were computed"
    )
    e0: dict[str, float] = Field(default_factory=dict, description="reference energies (eV); isolated atoms win")
    align_to: str | None = Field(
        default=None,
        description="task whose E0, plus offsets per species fitted to the compositions that both have, are those E0 "
        "that neither isolated atoms nor `e0` give; null: least squares",
    )
    defaults: dict[str, float] = Field(default_factory=dict, description="condition: value of frames that lack it")


class SplitConfig(Section):
    """Fractions that are taken at random from the training files where no files are named."""

    validation: Fraction | None = Field(
        default=None, description="fraction for validation; null: 0.1, or none where `data.validation` names files"
    )
    test: Fraction = Field(default=0.0, description="fraction for the final test")
    seed: int = Field(default=0, description="of the random choice")

    @model_validator(mode="after")
    def _something_left(self) -> SplitConfig:
        if (VALIDATION_SHARE if self.validation is None else self.validation) + self.test >= 1:
            raise ValueError("validation + test must stay below 1: nothing would be left to train on")
        return self


class FilterConfig(Section):
    """Structures that are left out; isolated atoms never are."""

    max_force: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="leave out structures with a longer force vector, eV/angstrom"
    )
    energy_window: tuple[float, float] | None = Field(
        default=None,
        description="leave out structures whose energy minus `tasks.NAME.e0` lies outside, eV/atom: `[low, high]`",
    )
    duplicates: Literal["keep", "drop"] = Field(
        default="keep", description="`drop`: leave out what equals an earlier structure but for rotation and rounding"
    )

    @model_validator(mode="after")
    def _is_window(self) -> FilterConfig:
        if self.energy_window is not None and self.energy_window[0] >= self.energy_window[1]:
            raise ValueError(f"energy_window {list(self.energy_window)} is empty: give [lowest, highest]")
        return self


class BoltzmannConfig(Section):
    """Weights exp(-(E - Emin) / kT) among structures of one composition and task."""

    temperature: Annotated[float, Field(gt=0)] = Field(description="T, kelvin")
    floor: Annotated[float, Field(ge=0, le=1)] = Field(default=0.01, description="smallest weight")


class DataConfig(Section):
    """The section ``data`` of a training configuration."""

    train: tuple[FileEntry, ...] = Field(min_length=1, description="training files: paths or entries")
    validation: tuple[FileEntry, ...] = Field(default=(), description="validation files; empty: see `split.validation`")
    test: tuple[FileEntry, ...] = Field(default=(), description="test files; empty: see `split.test`")
    split: SplitConfig = Field(default=SplitConfig(), description="random split")
    keys: Keys = Field(default=Keys(), description="keys of all files that do not say otherwise")
    units: UnitNames = Field(default=UnitNames(), description="units of all files that do not say otherwise")
    tasks: dict[str, TaskConfig] = Field(default_factory=dict, description="levels of theory by name")
    config_type_weights: dict[str, Weight] = Field(
        default_factory=dict, description="config_type: factor on the weight; 0: left out"
    )
    min_distance: Annotated[float, Field(ge=0)] = Field(
        default=0.3, description="atoms closer than this (angstrom) are on top of each other"
    )
    too_close: Literal["refuse", "drop"] = Field(
        default="refuse", description="what to do with frames that hold such atoms"
    )
    filters: FilterConfig = Field(default=FilterConfig(), description="structures to leave out")
    boltzmann: BoltzmannConfig | None = Field(default=None, description="weights by energy; null: none")
    keep_isolated_atoms: bool = Field(
        default=False, description="train on isolated atoms too, not only take E0 from them"
    )

    @field_validator("train", "validation", "test", mode="before")
    @classmethod
    def _one_file_alone(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, dict)) else value

    @model_validator(mode="after")
    def _no_contradictions(self) -> DataConfig:
        for name in ("validation", "test"):
            if getattr(self, name) and getattr(self.split, name):
                raise ValueError(
                    f"contradictory: {name} names files and split.{name} takes a fraction of the training files; "
                    "keep one of them"
                )
        self._check_no_shares()
        for name, entries in self.entries().items():
            for index, entry in enumerate(entries):
                _check_replacement(f"{name}.{index}", "keys", entry.keys, self.keys)
                _check_replacement(f"{name}.{index}", "units", entry.units, self.units)
                known = ["energy", "forces", "stress", *(entry.keys or self.keys).outputs]
                for label in entry.incomplete:
                    if label not in known:
                        raise ValueError(
                            f"{name}.{index}.incomplete: unknown label {label!r}{nearest(label, known)} "
                            f"(known: {', '.join(known)})"
                        )
        return self

    def _check_no_shares(self) -> None:
        for name in ("validation", "test"):
            for index, entry in enumerate(getattr(self, name)):
                if entry.share is not None:
                    raise ValueError(f"{name}.{index}.share: only training structures are drawn by shares; remove it")

    @model_validator(mode="after")
    def _alignments_have_a_target(self) -> DataConfig:
        for name, task in self.tasks.items():
            others = [other for other in self.tasks if other != name]
            if task.align_to is not None and task.align_to not in others:
                raise ValueError(
                    f"tasks.{name}.align_to: {task.align_to!r} is not another task{nearest(task.align_to, others)} "
                    f"(others: {', '.join(others) or 'none'})"
                )
            if task.align_to is not None and self.tasks[task.align_to].align_to is not None:
                raise ValueError(
                    f"tasks.{name}.align_to: {task.align_to!r} is itself aligned, to "
                    f"{self.tasks[task.align_to].align_to!r}; align both to one task"
                )
        return self

    def entries(self) -> dict[str, tuple[FileEntry, ...]]:
        """File entries by the key that holds them."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def validation_fraction(self) -> float:
        """Fraction of the training files that is taken out for validation."""
        if self.validation:
            return 0.0
        return VALIDATION_SHARE if self.split.validation is None else self.split.validation

    def task_names(self) -> list[str]:
        """Names in model order: as declared, else as they first appear in the files."""
        if self.tasks:
            return list(self.tasks)
        named = [entry.task for entry in (*self.train, *self.validation, *self.test) if entry.task]
        return list(dict.fromkeys(named)) or [DEFAULT_TASK]


def _check_replacement(place: str, kind: str, entry: Section | None, default: Section) -> None:
    """A section of an entry replaces the common one as a whole: what it leaves out must not have been set there."""
    if entry is None:
        return
    said = entry.model_fields_set | ({"stress", "virial"} if {"stress", "virial"} & entry.model_fields_set else set())
    for name in sorted(default.model_fields_set - said):
        common, own = getattr(default, name), getattr(entry, name)
        if common != own:
            raise ValueError(
                f"{place}.{kind} replaces data.{kind} as a whole, but leaves out {name}, which data.{kind} sets to "
                f"{common!r} and which would become {own!r}; write it in {place}.{kind} too"
            )


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
