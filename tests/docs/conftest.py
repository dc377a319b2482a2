# SPDX-License-Identifier: MIT
"""A folder with what users have: checkpoints, artifacts, data, files of LAMMPS and OpenMM, a model of mace-torch."""

from __future__ import annotations

import io
import lzma
import shutil
from pathlib import Path

import ase.io
import pytest
from zoo import Animal, make_model

from mlipkit.checkpoint import Checkpoint
from mlipkit.export import export

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def mace_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the command line of mace-torch, with random weights."""
    return make_model(Animal("mace", "8x0e + 8x1o", 2, 2), tmp_path_factory.mktemp("mace"))


@pytest.fixture
def user_folder(tmp_path: Path, water_checkpoint: Checkpoint, bundled_artifact: Path, mace_model: Path) -> Path:
    with lzma.open(EXAMPLES / "water" / "water.extxyz.xz", "rt") as stream:
        frames = ase.io.read(io.StringIO(stream.read()), ":24", format="extxyz")
    ase.io.write(tmp_path / "water.extxyz", frames)
    ase.io.write(tmp_path / "water.data", frames[0], format="lammps-data", specorder=["H", "O"], masses=True)
    water_checkpoint.save(tmp_path / "best.ckpt")
    export(water_checkpoint, tmp_path / "model.pt")
    shutil.copy(bundled_artifact, tmp_path / "organic.pt")
    shutil.copy(EXAMPLES / "organic" / "alanine_dipeptide.pdb", tmp_path / "dipeptide.pdb")
    shutil.copy(mace_model, tmp_path / "mace.model")
    return tmp_path
