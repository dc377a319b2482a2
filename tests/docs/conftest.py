# SPDX-License-Identifier: MIT
"""A folder with what a user has after training: checkpoint, artifact, data and a LAMMPS data file."""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import ase.io
import pytest

from mlipkit.checkpoint import Checkpoint
from mlipkit.export import export

WATER = Path(__file__).parents[2] / "examples" / "water"


@pytest.fixture
def user_folder(tmp_path: Path, water_checkpoint: Checkpoint) -> Path:
    with lzma.open(WATER / "water.extxyz.xz", "rt") as stream:
        frames = ase.io.read(io.StringIO(stream.read()), ":24", format="extxyz")
    ase.io.write(tmp_path / "water.extxyz", frames)
    ase.io.write(tmp_path / "water.data", frames[0], format="lammps-data", specorder=["H", "O"], masses=True)
    water_checkpoint.save(tmp_path / "best.ckpt")
    export(water_checkpoint, tmp_path / "model.pt")
    return tmp_path
