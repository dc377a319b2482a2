# SPDX-License-Identifier: MIT
"""A few frames of the bundled water and a run that takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_workplace import Workplace, write_few_frames


@pytest.fixture(scope="session")
def few_frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``few.extxyz``: the smallest frames of the bundled water."""
    folder = tmp_path_factory.mktemp("water")
    write_few_frames(folder / "few.extxyz")
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
