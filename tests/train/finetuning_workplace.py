# SPDX-License-Identifier: MIT
"""A folder in which tests fine-tune the checkpoint of a finished run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from ase import Atoms
from ase.io import write
from training_workplace import changed
from typer.testing import CliRunner

from mlipkit.checkpoint import Checkpoint, load_checkpoint
from mlipkit.cli.common import one_command
from mlipkit.cli.finetune import finetune

CONFIG: dict[str, Any] = {
    "seed": 5,
    "threads": 1,
    "init": "start.ckpt",
    "data": {"train": "new.extxyz", "split": {"validation": 0.34}},
    "loss": {"energy": 1.0, "forces": 1.0},
    "batch_size": 3,
    "epochs": 2,
    "tensorboard": False,
}


class FinetuningPlace:
    """Runs ``mlip-finetune`` on ``start.ckpt`` and ``new.extxyz``."""

    def __init__(self, folder: Path, checkpoint: Path | Checkpoint, frames: Sequence[Atoms]) -> None:
        self.folder, self.output = folder, folder / "tuned"
        if isinstance(checkpoint, Checkpoint):
            checkpoint.save(folder / "start.ckpt")
        else:
            shutil.copy(checkpoint, folder / "start.ckpt")
        write(folder / "new.extxyz", list(frames))

    @property
    def start(self) -> Checkpoint:
        return load_checkpoint(self.folder / "start.ckpt")

    @property
    def tuned(self) -> Checkpoint:
        return load_checkpoint(self.output / "best.ckpt")

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.output / "summary.json").read_text())

    def write(self, **changes: Any) -> Path:
        """Writes the configuration with changes, see :func:`training_workplace.changed`."""
        content = changed(CONFIG, **{"output": str(self.output), **changes})
        path = self.folder / "finetune.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    def run(self, *options: str, **changes: Any) -> Any:
        """``mlip-finetune`` with changes of the configuration; gives exit code and output."""
        return CliRunner().invoke(one_command("mlip-finetune", finetune), [str(self.write(**changes)), *options])

    def succeeds(self, *options: str, **changes: Any) -> str:
        """As :meth:`run`, and gives what was printed, on one line."""
        result = self.run(*options, **changes)
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    def refused(self, message: str, **changes: Any) -> None:
        """The command fails with one line that holds the message."""
        result = self.run(**changes)
        assert result.exit_code == 1, result.output
        lines = [line for line in result.output.splitlines() if "error: " in line]
        assert len(lines) == 1, result.output
        assert message in lines[0], lines[0]
