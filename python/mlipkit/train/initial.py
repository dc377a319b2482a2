# SPDX-License-Identifier: MIT
"""Starting from a checkpoint: it says what the model is, and what the configuration leaves open about its tasks."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from mlipkit.checkpoint import Checkpoint, load_checkpoint
from mlipkit.data.config import TaskConfig
from mlipkit.data.errors import nearest
from mlipkit.train.config import TrainConfig
from mlipkit.train.config_file import ConfigError


def initial_checkpoint(config: TrainConfig, folder: Path) -> Checkpoint | None:
    """The checkpoint that ``init`` names, if it does.

    Raises:
        CheckpointError: it is none, or cannot be used.
    """
    return None if config.init is None else load_checkpoint(folder / config.init)


def completed(config: TrainConfig, checkpoint: Checkpoint) -> TrainConfig:
    """The configuration with the model of a checkpoint, and its tasks where the user did not say otherwise.

    Reference energies of the configuration win over those of the checkpoint (and isolated atoms in the data over both);
    those of a task with ``align_to`` are found anew.

    Raises:
        ConfigError: a task that the checkpoint lacks.
    """
    known = [task.name for task in checkpoint.tasks]
    named = list(config.data.tasks) or [entry.task for entry in config.data.train if entry.task]
    for name in named:
        if name not in known:
            raise ConfigError(
                f"data names task {name!r}, which {config.init} lacks{nearest(name, known)} (it has {', '.join(known)})"
            )
    tasks = {}
    for task in checkpoint.tasks:
        given = config.data.tasks.get(task.name, TaskConfig())
        tasks[task.name] = TaskConfig(
            level_of_theory=given.level_of_theory
            if "level_of_theory" in given.model_fields_set
            else task.level_of_theory,
            e0={**({} if given.align_to else task.e0), **given.e0},
            align_to=given.align_to,
            defaults={**task.defaults, **given.defaults},
        )
    options = {name: value for name, value in checkpoint.config.items() if name != "tasks"}
    return config.model_copy(
        update={
            "init": None,
            "model": {"architecture": checkpoint.architecture, **options},
            "data": config.data.model_copy(update={"tasks": tasks}),
        }
    )


@torch.no_grad()
def copy_parameters(checkpoint: Checkpoint, model: nn.Module) -> None:
    """Weights of the checkpoint into a model of the same architecture and options."""
    source = dict(checkpoint.build().named_parameters())
    for name, parameter in model.named_parameters():
        parameter.copy_(source[name])
