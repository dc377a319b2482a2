# SPDX-License-Identifier: MIT
"""A checkpoint with other species and tasks, each of which starts as a copy of an old one.

Weights per species or task are copied along the axes that the architecture names (:mod:`mlipkit.nn.axes`), bit for
bit. New species leave the predictions for old ones what they were, bit for bit; new tasks do to rounding, because the
readouts of all tasks are one matrix product. A copy of the most similar element is a far better start than random
weights: the new element behaves like that one from the first step on, and messages keep their size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from mlipkit.checkpoint import Checkpoint, Task
from mlipkit.nn import build_model, config_class
from mlipkit.nn.axes import Rows, parameter_axes
from mlipkit.nn.registry import ArchitectureConfig


def grown(checkpoint: Checkpoint, new_species: Mapping[str, str], tasks: Mapping[str, str]) -> Checkpoint:
    """The checkpoint with species added and tasks chosen.

    Args:
        checkpoint: to start from; it is not changed.
        new_species: symbol -> known element whose weights it starts with. Old species keep their place.
        tasks: name -> old task that it is, or starts as a copy of, in the order of the new model.

    Returns:
        A checkpoint of the same architecture. E0 of new species are 0 in every task until they are fitted. The same
        object where nothing changes.
    """
    old = config_class(checkpoint.architecture).model_validate(checkpoint.config)
    assert isinstance(old, ArchitectureConfig)
    if not new_species and tasks == {name: name for name in old.tasks} and list(tasks) == old.tasks:
        return checkpoint
    species_rows = Rows(
        [*old.species, *new_species],
        [*range(len(old.species)), *(old.species.index(source) for source in new_species.values())],
    )
    task_rows = Rows(list(tasks), [old.tasks.index(source) for source in tasks.values()])
    config = type(old).model_validate(old.regrown(species_rows, task_rows)).model_dump(mode="json")
    by_name = {task.name: task for task in checkpoint.tasks}
    zeros = dict.fromkeys(new_species, 0.0)
    return replace(
        checkpoint,
        config=config,
        parameters=_parameters(checkpoint, config, {"species": species_rows, "task": task_rows}),
        tasks=[_task(by_name[source], name, zeros) for name, source in tasks.items()],
    )


def _parameters(checkpoint: Checkpoint, config: dict, rows: Mapping[str, Rows]) -> dict[str, torch.Tensor]:
    model = build_model(checkpoint.architecture, config)
    axes = parameter_axes(model)
    found = {}
    for name, parameter in model.named_parameters():
        value = checkpoint.parameters.get(name)
        if value is None:
            found[name] = torch.zeros_like(parameter, dtype=getattr(torch, checkpoint.dtype), requires_grad=False)
            continue
        for axis, kind in enumerate(axes[name]):
            if kind in rows:
                value = rows[kind].select(value, axis)
        found[name] = value.clone()
    return found


def _task(source: Task, name: str, new_e0: Mapping[str, float]) -> Task:
    level = source.level_of_theory if source.name == name else "unspecified"
    return Task(name, level, {**source.e0, **new_e0}, dict(source.defaults))
