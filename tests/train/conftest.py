# SPDX-License-Identifier: MIT
"""A few frames of the bundled water and a run that takes seconds."""

from __future__ import annotations

import io
import lzma
from pathlib import Path

import pytest
from ase.io import read, write
from training_workplace import Workplace

WATER = Path(__file__).parents[2] / "examples" / "water"
N_FRAMES = 12


@pytest.fixture(scope="session")
def few_frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``few.extxyz``: the smallest frames of the bundled water."""
    folder = tmp_path_factory.mktemp("water")
    with lzma.open(WATER / "water.extxyz.xz", "rt") as stream:
        frames = read(io.StringIO(stream.read()), ":", format="extxyz")
    smallest = sorted(frames, key=len)[:: max(1, len(frames) // 2 // N_FRAMES)][:N_FRAMES]
    write(folder / "few.extxyz", smallest)
    return folder


@pytest.fixture
def workplace(tmp_path: Path, few_frames: Path) -> Workplace:
    return Workplace(tmp_path, few_frames / "few.extxyz")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, few_frames: Path) -> Workplace:
    """A finished run that tests read but do not change."""
    place = Workplace(tmp_path_factory.mktemp("finished"), few_frames / "few.extxyz")
    result = place.train()
    assert result.exit_code == 0, result.output
    (place.folder / "printed.txt").write_text(result.output)
    return place
