# SPDX-License-Identifier: MIT
"""Which species and tasks the model of a fine-tuning run has, and which task its data belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlipkit.checkpoint import Checkpoint
from mlipkit.data.config import DataConfig, FileEntry, TaskConfig
from mlipkit.data.errors import nearest
from mlipkit.train.config import TrainConfig
from mlipkit.train.config_file import ConfigError
from mlipkit.train.finetune_config import FinetuneConfig
from mlipkit.train.finetuning.elements import nearest_element


def chosen_tasks(config: TrainConfig, checkpoint: Checkpoint) -> dict[str, str]:
    """Tasks of the new model in order, each with the old one that it is or starts as: old ones first.

    Raises:
        ConfigError: a task that the checkpoint lacks without ``from_task``; old data of a task that is dropped.
    """
    finetune = config.finetune
    assert finetune is not None
    known = [task.name for task in checkpoint.tasks]
    own = _named(config.data.tasks, config.data.train) or (known if len(known) == 1 else [])
    old = [entry.task for entry in _old_entries(finetune) if entry.task is not None]
    for name in old:
        if name not in known:
            raise ConfigError(
                f"finetune: old data of task {name!r}, which {config.init} lacks{nearest(name, known)} "
                f"(it has {', '.join(known)})"
            )
    if finetune.from_task is not None and finetune.from_task not in known:
        raise ConfigError(
            f"finetune.from_task {finetune.from_task!r} is no task of {config.init}"
            f"{nearest(finetune.from_task, known)} (it has {', '.join(known)})"
        )
    new = [name for name in own if name not in known]
    if new and finetune.from_task is None:
        raise ConfigError(
            f"data name task {new[0]!r}, which {config.init} lacks{nearest(new[0], known)} (it has "
            f"{', '.join(known)}); for a new one, set finetune.from_task to the old task that it starts as a copy of"
        )
    if finetune.from_task is not None and not new:
        raise ConfigError("finetune.from_task is set, but no new task is named in data.tasks or the files; remove it")
    # Files whose frames name their task may hold any of those that are left.
    kept = [name for name in known if finetune.keep_tasks or name in own or not own]
    for name in old:
        if name not in kept:
            raise ConfigError(
                f"finetune: old data of task {name!r}, which keep_tasks: false drops; keep it, or remove the data"
            )
    return {**{name: name for name in kept}, **{name: str(finetune.from_task) for name in new}}


def data_with_tasks(config: TrainConfig, tasks: Mapping[str, str], checkpoint: Checkpoint) -> DataConfig:
    """The section ``data`` with all tasks of the model, and a task in every entry where only one is possible.

    E0 are those that the user gives, no others.
    """
    own = _named(config.data.tasks, config.data.train)
    only = own[0] if len(own) == 1 else None
    old = {task.name: task for task in checkpoint.tasks}
    complete = {}
    for name, source in tasks.items():
        given = config.data.tasks.get(name, TaskConfig())
        same = name == source and "level_of_theory" not in given.model_fields_set
        complete[name] = TaskConfig(
            level_of_theory=old[source].level_of_theory if same else given.level_of_theory,
            e0=given.e0,
            defaults={**old[source].defaults, **given.defaults},
        )
    entries = {name: with_task(part, only, config.data) for name, part in config.data.entries().items()}
    return config.data.model_copy(update={"tasks": complete, **entries})


def with_task(entries: Sequence[FileEntry], task: str | None, data: DataConfig) -> tuple[FileEntry, ...]:
    """Entries that name no task, nor a key that holds it, get this one."""
    return tuple(
        entry.model_copy(update={"task": task})
        if task is not None and entry.task is None and (entry.keys or data.keys).task is None
        else entry
        for entry in entries
    )


def chosen_species(
    finetune: FinetuneConfig, init: str | None, known: Sequence[str], found: Sequence[str]
) -> dict[str, str]:
    """New species of the data, each with the known element that it starts as.

    Raises:
        ConfigError: species that the checkpoint lacks without permission; a mapping that does not fit.
    """
    new = [symbol for symbol in found if symbol not in known]
    allowed = finetune.new_species
    if isinstance(allowed, dict):
        for symbol, source in allowed.items():
            if source not in known:
                raise ConfigError(f"finetune.new_species: {symbol} cannot start as {source!r}, which {init} lacks")
            if symbol not in new:
                reason = "the checkpoint has" if symbol in known else "no structure holds"
                raise ConfigError(f"finetune.new_species names {symbol}, which {reason}; remove it")
    refused = [symbol for symbol in new if not allowed or (isinstance(allowed, dict) and symbol not in allowed)]
    if refused:
        raise ConfigError(
            f"the data hold {', '.join(refused)}, which {init} lacks (it has {', '.join(known)}); to add them to the "
            "model, set finetune.new_species: true, or name the known element that each starts as, such as "
            f"{{{refused[0]}: {nearest_element(refused[0], known)}}}"
        )
    named = allowed if isinstance(allowed, dict) else {}
    return {symbol: named.get(symbol) or nearest_element(symbol, known) for symbol in new}


def _named(tasks: dict[str, TaskConfig], entries: Sequence[FileEntry]) -> list[str]:
    """Tasks that the user names for the new data."""
    return list(dict.fromkeys([*tasks, *(entry.task for entry in entries if entry.task is not None)]))


def _old_entries(finetune: FinetuneConfig) -> list[FileEntry]:
    return [*(finetune.replay.data if finetune.replay else ()), *finetune.probe]
