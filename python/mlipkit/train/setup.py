# SPDX-License-Identifier: MIT
"""From a configuration to data and a model: what a run needs before its first step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from mlipkit.data.charge_spin import check_charge_sums
from mlipkit.data.config import TaskConfig
from mlipkit.data.dataset import Dataset, Subset, all_species, dtype_of, prepare, read_data
from mlipkit.data.errors import DataError, nearest
from mlipkit.data.graphs import GraphBuilder
from mlipkit.data.labels import Wanted
from mlipkit.data.scan import Show
from mlipkit.data.store import CONDITIONS
from mlipkit.nn import ArchitectureConfig, build_model, config_class
from mlipkit.train.config import TrainConfig
from mlipkit.train.config_file import ConfigError, explain_entries
from mlipkit.train.initial import completed, copy_parameters, initial_checkpoint

if TYPE_CHECKING:
    from mlipkit.train.finetuning.tuning import FineTuning


@dataclass
class Prepared:
    """Data and a freshly initialised model that fit each other."""

    dataset: Dataset
    architecture: str
    model_config: dict[str, Any]  # complete, JSON-able
    model: nn.Module  # in the training dtype
    tuning: FineTuning | None = None
    metadata: dict[str, Any] = field(default_factory=dict)  # of the checkpoint that it started from

    @property
    def files(self) -> list[dict[str, str]]:
        """Path and checksum of every data file."""
        return [*self.dataset.files, *(self.tuning.files if self.tuning else [])]

    @property
    def replayed(self) -> Subset | None:
        """Old structures that train along."""
        return self.tuning.replay.train if self.tuning and self.tuning.replay else None


def set_up(config: TrainConfig, folder: Path, show: Show = lambda path, done, total: None) -> Prepared:
    """Reads and prepares the data, completes the model's options from them, builds the model.

    Args:
        config: checked configuration.
        folder: relative data paths start here.
        show: is told how far a first pass over a data store is.

    Raises:
        DataError: unusable data.
        ConfigError: options that do not fit the data, or tasks that do not fit the checkpoint.
        CheckpointError: the checkpoint to start from cannot be used.
    """
    initial = initial_checkpoint(config, folder)
    if initial is not None:
        config = completed(config, initial)
    architecture, given = config.architecture()
    schema = config_class(architecture)
    options = dict(given)
    if "tasks" in options:
        raise ConfigError("model.tasks follows from data.tasks and the files; remove it")
    options["tasks"] = config.data.task_names()
    draft = _draft(options)
    wanted = Wanted(config.loss.labels(), condition_defaults(config.data.tasks, list(draft.condition_ranges)))
    subsets = read_data(config.data, folder, wanted)
    found = all_species(subsets)
    options.setdefault("species", found)
    _check_species(found, options["species"])
    outputs = {output.name: output.width for output in draft.outputs}
    check_outputs(config, list(outputs))
    summing = [output.name for output in draft.outputs if output.sums_to is not None]
    check_charge_sums((structure for found in subsets.values() for structure in found), summing)
    builder = GraphBuilder(options["species"], draft.cutoff, options["tasks"], dtype_of(config.dtype), outputs)
    dataset = prepare(config.data, folder, subsets, builder, wanted, show)
    complete = _from_statistics(schema, options, dataset)
    try:
        checked = schema.model_validate(complete)
    except ValidationError as error:
        raise ConfigError(explain_entries(error.errors(), schema, ("model",))) from None
    assert isinstance(checked, ArchitectureConfig)
    check_conditions(checked, dataset.subsets().values())
    torch.manual_seed(config.seed)
    model = build_model(architecture, checked).to(dtype_of(config.dtype))
    if initial is not None:
        copy_parameters(initial, model)
    return Prepared(dataset, architecture, checked.model_dump(mode="json"), model)


def _draft(options: dict[str, Any]) -> ArchitectureConfig:
    """What every architecture shares, before the data have completed the options."""
    known = {
        key: value for key, value in {"species": ["H"], **options}.items() if key in ArchitectureConfig.model_fields
    }
    try:
        return ArchitectureConfig.model_validate(known)
    except ValidationError as error:
        raise ConfigError(explain_entries(error.errors(), ArchitectureConfig, ("model",))) from None


def _from_statistics(schema: type[Any], options: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """Adds the normalisation that the architecture knows and the user did not set.

    ``scale`` is the RMS force of each task (the spread of its energies where there are no forces), ``shift`` the mean
    energy per atom without E0, as in the MACE paper.
    """
    by_task = [dataset.statistics_by_task[task.name] for task in dataset.tasks]
    scales = [_first_useful(s.forces_rms, s.energy_std) for s in by_task]
    shifts = [s.energy_mean if math.isfinite(s.energy_mean) else 0.0 for s in by_task]
    derived = {"avg_num_neighbours": dataset.statistics.avg_num_neighbours, "scale": scales, "shift": shifts}
    if derived["avg_num_neighbours"] == 0:
        raise DataError("no atom has a neighbour within model.cutoff; check it and data.units.length")
    fitting = {name: value for name, value in derived.items() if name in schema.model_fields}
    return {**fitting, **options}


def _first_useful(*candidates: float) -> float:
    return next((value for value in candidates if math.isfinite(value) and value > 1e-6), 1.0)


def condition_defaults(tasks: Mapping[str, TaskConfig], declared: list[str]) -> dict[str, dict[str, float]]:
    """Value of each condition per task where a frame has none."""
    for task, entry in tasks.items():
        for name in entry.defaults:
            if name not in declared:
                raise ConfigError(
                    f"data.tasks.{task}.defaults names {name!r}, which the model does not take"
                    f"{nearest(name, declared)}; set model.{name}_range, or remove it"
                )
    return {
        name: {task: entry.defaults[name] for task, entry in tasks.items() if name in entry.defaults}
        for name in declared
    }


def _check_species(found: list[str], species: list[str]) -> None:
    absent = [symbol for symbol in found if symbol not in species]
    if absent:
        raise ConfigError(f"model.species {species} lacks {', '.join(absent)}, which the data hold")


def check_outputs(config: TrainConfig, outputs: list[str]) -> None:
    """Raises ConfigError where the loss names an output that the model lacks."""
    for name in config.loss.outputs:
        if name not in outputs:
            raise ConfigError(f"loss.outputs names {name!r}, which is not among model.outputs{nearest(name, outputs)}")


def check_conditions(checked: ArchitectureConfig, subsets: Iterable[Subset]) -> None:
    """Raises DataError where a condition of a structure is outside of what the model takes."""
    for subset in subsets:
        for name, (low, high) in checked.condition_ranges.items():
            values = subset.table.conditions[:, CONDITIONS.index(name)]
            wrong = ~((low <= values) & (values <= high) & (values == np.round(values)))
            if wrong.any():
                structure = subset.structures[int(wrong.argmax())]
                value = structure.conditions[name]
                raise DataError(f"{structure.where}: {name} {value:g} is not a whole number in [{low}, {high}]")
