# SPDX-License-Identifier: MIT
from __future__ import annotations

from pathlib import Path

import pytest
import torch
from engine_toy import write_artifact

from mlipkit.interfaces.engine import Engine


@pytest.fixture(scope="session")
def toy_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_artifact(tmp_path_factory.mktemp("engine") / "toy.pt")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def engine(toy_artifact: Path) -> Engine:
    return Engine(toy_artifact, task="pbe")
