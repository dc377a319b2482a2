# SPDX-License-Identifier: MIT
"""A folder in which tests run the training commands."""

from __future__ import annotations

import copy
import io
import lzma
from pathlib import Path
from typing import Any

import yaml
from ase.io import read, write
from typer.testing import CliRunner

from mlipkit.cli.common import one_command
from mlipkit.cli.evaluate import evaluate
from mlipkit.cli.train import train

WATER = Path(__file__).parents[2] / "examples" / "water"
N_FRAMES = 12

CONFIG: dict[str, Any] = {
    "seed": 3,
    "dtype": "float32",
    "threads": 1,
    "data": {"train": "few.extxyz", "split": {"validation": 0.25}, "tasks": {"default": {"e0": {"H": -10.0}}}},
    "model": {"architecture": "mace", "cutoff": 3.0, "channels": 4, "l_max": 1, "correlation": 2, "n_layers": 2},
    "loss": {"energy": 1.0, "forces": 1.0, "stress": 1.0},
    "optimizer": {"lr": 0.02},
    "batch_size": 3,
    "epochs": 4,
}


def write_few_frames(path: Path) -> None:
    """The smallest frames of the bundled water."""
    with lzma.open(WATER / "water.extxyz.xz", "rt") as stream:
        frames = read(io.StringIO(stream.read()), ":", format="extxyz")
    write(path, sorted(frames, key=len)[:: max(1, len(frames) // 2 // N_FRAMES)][:N_FRAMES])


def changed(config: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy of a configuration; ``a__b=value`` sets the key ``a.b``."""
    content = copy.deepcopy(config)
    for name, value in changes.items():
        *parents, last = name.split("__")
        target = content
        for part in parents:
            target = target.setdefault(part, {})
        target[last] = value
    return content


class Workplace:
    """Runs the commands in a folder and keeps what they print."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data
        self.output = folder / "run"

    def write(self, **changes: Any) -> Path:
        """Writes the configuration with changes, see :func:`changed`."""
        content = changed(CONFIG, **{"output": str(self.output), "data__train": str(self.data), **changes})
        path = self.folder / "train.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    def train(self, *options: str, **changes: Any) -> Any:
        """``mlip-train``; gives exit code and output."""
        return CliRunner().invoke(one_command("mlip-train", train), [str(self.write(**changes)), *options])

    def evaluate(self, *options: str) -> Any:
        """``mlip-eval``."""
        return CliRunner().invoke(one_command("mlip-eval", evaluate), list(options))
