# SPDX-License-Identifier: MIT
"""Checkpoints: plain tensors and plain data, read with ``weights_only=True``; never a pickled module.

A checkpoint holds everything that a model is (architecture, config, parameters, tasks with reference energies) and,
under ``training``, whatever a trainer needs to go on. Export and evaluation read only the first part.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mlipkit.nn.registry import build_model

SCHEMA = 1


class CheckpointError(ValueError):
    """The file is not a usable checkpoint; the message says why and what to do."""


@dataclass
class Task:
    """A level of theory: its name, what it is, and the reference energy of each species (eV, float64).

    ``defaults`` holds the value of conditions (total_charge, spin_multiplicity) that hosts need not set in this task.
    """

    name: str
    level_of_theory: str
    e0: dict[str, float]
    defaults: dict[str, float] = field(default_factory=dict)


@dataclass
class Checkpoint:
    architecture: str
    config: dict[str, Any]  # of the architecture, JSON-able
    parameters: dict[str, Tensor]  # in the training dtype; evaluation weights (EMA where there is one)
    tasks: list[Task]
    dtype: str  # training dtype, "float32" or "float64"
    provenance: dict[str, Any] = field(default_factory=dict)  # config hash, dataset checksums, versions, seeds
    metadata: dict[str, Any] = field(default_factory=dict)  # licence, authors, citation
    training: dict[str, Any] = field(default_factory=dict)  # trainer state, opaque here

    def build(self) -> torch.nn.Module:
        """The model in float64: parameters widened exactly, constants computed anew in float64."""
        model = build_model(self.architecture, self.config)
        missing, unexpected = model.load_state_dict(self.parameters, strict=False)
        wanted = {name for name, _ in model.named_parameters()}
        missing = [name for name in missing if name in wanted]
        if missing or unexpected:
            raise CheckpointError(
                f"parameters do not fit architecture {self.architecture!r}: missing {missing}, unexpected {unexpected}"
            )
        return model.double().eval()

    def save(self, path: str | Path) -> None:
        """Writes beside the target, then renames: an interrupted write never destroys what was there.

        Raises:
            OSError: the file cannot be written; what was there stays.
        """
        path = Path(path)
        temporary = path.with_name(path.name + ".part")
        content = {"format": "mlipkit-checkpoint", "schema": SCHEMA, **self.__dict__}
        content["tasks"] = [asdict(task) for task in self.tasks]
        try:
            with open(temporary, "wb") as stream:  # torch's own writer does not say that a disk is full
                torch.save(content, stream)
                stream.flush()
                os.fsync(stream.fileno())  # the name must not point to data that a power cut can lose
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        CheckpointError: not a file, not a checkpoint, or of an unknown schema.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path} is not a mlipkit checkpoint (cannot be read: {error})") from error
    if not isinstance(content, dict) or content.pop("format", None) != "mlipkit-checkpoint":
        raise CheckpointError(f"{path} is not a mlipkit checkpoint; give the file that mlip-train wrote")
    schema = content.pop("schema")
    if schema != SCHEMA:
        raise CheckpointError(
            f"{path} has checkpoint schema {schema}, this mlipkit reads {SCHEMA}; use a matching version"
        )
    content["tasks"] = [Task(**task) for task in content["tasks"]]
    return Checkpoint(**content)
