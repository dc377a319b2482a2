# SPDX-License-Identifier: MIT
"""Lets the engine open a file the way hosts will: in every precision offered and for every task."""

from __future__ import annotations

from pathlib import Path

from mlipkit.export.manifest import Manifest
from mlipkit.export.reader import ArtifactError
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError


def open_with_engine(path: Path, manifest: Manifest) -> None:
    """Opening evaluates the probe.

    Raises:
        ArtifactError: the engine refuses the file; the message is the engine's.
    """
    for precision in manifest.precisions:
        for task in manifest.tasks:
            try:
                Engine(path, precision=precision, task=task.name)
            except EngineError as error:
                raise ArtifactError(
                    f"the engine refuses the model in precision {precision!r}, task {task.name!r}: {error}. "
                    "Nothing was written"
                ) from error
