# SPDX-License-Identifier: MIT
"""Checkpoints: plain tensors and plain data, read with ``weights_only=True``; never a pickled module.

A checkpoint holds everything that a model is (architecture, config, parameters, tasks with reference energies) and,
under ``training``, whatever a trainer needs to go on. Export and evaluation read only the first part.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from mlipkit import __version__
from mlipkit.nn.registry import architectures, build_model, config_class

SCHEMA = 1
FORMAT = "mlipkit-checkpoint"
UNCERTAINTY = "uncertainty"  # entry of the provenance: that the ensemble was fitted, and how well it covers errors
ARTIFACT_MARK = "extra/mlip.json"  # member of the archive that artifacts alone have
TORCHFORCE_MARK = "extra/torchforce.json"  # the same of files for TorchForce


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
        shapes = {name: list(value.shape) for name, value in model.named_parameters()}
        for name, value in self.parameters.items():
            if name in shapes and list(value.shape) != shapes[name]:
                raise CheckpointError(
                    f"parameters do not fit architecture {self.architecture!r}: {name} has shape {list(value.shape)}, "
                    f"with these options it must be {shapes[name]}"
                )
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
        content = {"format": FORMAT, "schema": SCHEMA, **self.__dict__}
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
        CheckpointError: not a file, another kind of file, damaged, of an unknown schema or architecture, or with
            parameters that are no numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} " + ("is a folder" if path.is_dir() else "does not exist"))
    content = _read(path)
    if content.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} is not a mlipkit checkpoint; give the file that mlip-train wrote")
    schema = content.pop("schema", None)
    if schema != SCHEMA:
        raise CheckpointError(
            f"{path} has checkpoint schema {schema}, this mlipkit {__version__} reads {SCHEMA}; use the version that "
            "wrote it"
        )
    try:
        content["tasks"] = [Task(**task) for task in content["tasks"]]
        checkpoint = Checkpoint(**content)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is an incomplete mlipkit checkpoint ({error}); take another one") from error
    _check(checkpoint, path)
    return checkpoint


def _read(path: Path) -> dict[str, Any]:
    """The plain data of a file written by ``torch.save``."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            f"{path} is not a mlipkit checkpoint: it is damaged, truncated or another kind of file; give the file that "
            "mlip-train wrote, or another copy of it"
        ) from error
    names = {name.split("/", 1)[-1] for name in members}
    if TORCHFORCE_MARK in names:
        raise CheckpointError(
            f"{path} is not a mlipkit checkpoint but a file for OpenMM's TorchForce, frozen by mlip-export; here give "
            "the checkpoint that it was made from (best.ckpt of the run)"
        )
    if ARTIFACT_MARK in names:
        raise CheckpointError(
            f"{path} is not a mlipkit checkpoint but an artifact, frozen by mlip-export: it runs in LAMMPS, "
            "OpenMM, ASE and mlip-eval; here give the checkpoint that it was made from (best.ckpt of the run)"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is not a mlipkit checkpoint: it holds pickled Python objects, perhaps a model of another package, "
            "which are not loaded because they could run any code; give the file that mlip-train wrote (models of "
            "mace-torch: mlip-export --from-mace FILE)"
        ) from error
    except Exception as error:
        raise CheckpointError(
            f"{path} is not a mlipkit checkpoint that can be read: damaged ({type(error).__name__}: "
            f"{str(error).partition('. This is an internal')[0]}); take another copy, or last.ckpt of the run"
        ) from error
    return content if isinstance(content, dict) else {}


def _check(checkpoint: Checkpoint, path: Path) -> None:
    """What would otherwise fail late, or go unnoticed."""
    written = checkpoint.provenance.get("versions", {}).get("mlipkit", "an unknown version")
    versions = f"it was written by mlipkit {written}, this is {__version__}"
    if checkpoint.architecture not in architectures():
        raise CheckpointError(
            f"{path} holds a model of architecture {checkpoint.architecture!r}, which this mlipkit does not know "
            f"(known: {', '.join(architectures())}); {versions}: use the version that wrote it"
        )
    try:
        config_class(checkpoint.architecture).model_validate(checkpoint.config)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(key) for key in e['loc'])}: {e['msg']}" for e in error.errors())
        raise CheckpointError(f"{path} has options that this mlipkit does not take ({wrong}); {versions}") from error
    for name, value in checkpoint.parameters.items():
        if not isinstance(value, Tensor) or str(value.dtype) != f"torch.{checkpoint.dtype}":
            kind = str(value.dtype).removeprefix("torch.") if isinstance(value, Tensor) else type(value).__name__
            raise CheckpointError(
                f"{path}: parameter {name} is {kind}, but the checkpoint is {checkpoint.dtype}; it was changed after "
                "mlip-train wrote it: take another copy"
            )
        if not bool(torch.isfinite(value).all()):
            raise CheckpointError(
                f"{path}: parameter {name} holds NaN or infinity: the training had diverged; take an earlier "
                "checkpoint, or train again with a smaller optimizer.lr"
            )
