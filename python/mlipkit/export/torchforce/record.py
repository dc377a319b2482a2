# SPDX-License-Identifier: MIT
"""What a TorchForce file says about itself, its extra file ``torchforce.json``. Imports no torch."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from mlipkit.export.manifest import Manifest, Precision, Record, stable_json
from mlipkit.export.reader import TORCHFORCE, ArtifactError, describe, read_extra


class TorchForceRecord(Record):
    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this format")
    symbols: list[str] = Field(min_length=1, description="chemical symbol of each particle")
    precision: Precision = Field(description="precision in which the model runs")
    task: str = Field(description="level of theory")
    conditions: dict[str, float] = Field(description="value of each condition of the model")
    model: Manifest = Field(description="the manifest of the model")

    def dumps(self) -> str:
        """JSON with sorted keys and fixed formatting."""
        return stable_json(self.model_dump(by_alias=True))


def is_torchforce(path: Path) -> bool:
    """Whether ``mlip-export --format torchforce`` wrote the file; False for one that is no archive at all."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.split("/", 1)[-1] == f"extra/{TORCHFORCE}" for name in archive.namelist())
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
        return False


def read_torchforce(path: Path) -> TorchForceRecord:
    """What a TorchForce file says about itself.

    Raises:
        ArtifactError: damaged, or written by another version.
    """
    try:
        return TorchForceRecord.model_validate(json.loads(read_extra(path, TORCHFORCE)))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(
            f"{TORCHFORCE} in {path} is not valid JSON ({error}): export the checkpoint again"
        ) from error
    except ValidationError as error:
        raise ArtifactError(
            f"{TORCHFORCE} in {path} is not what this mlipkit reads: {describe(error)}; export the checkpoint again"
        ) from error
