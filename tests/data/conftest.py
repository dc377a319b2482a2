# SPDX-License-Identifier: MIT
"""Shared by the tests of the data layer."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled_samples import Reader

from mlipkit.data.config import DataConfig
from mlipkit.data.labels import Wanted, read_structures
from mlipkit.data.structure import Structure


@pytest.fixture
def read_file() -> Reader:
    """Reads a file with options of the section ``data``; ``wanted`` and the rest go to the file entry."""

    def read(
        path: Path, wanted: Wanted | None = None, entry: dict[str, object] | None = None, **data: object
    ) -> list[Structure]:
        config = DataConfig.model_validate({"train": [{"path": path.name, **(entry or {})}], **data})
        default = Wanted(labels=("energy", "forces"))
        return read_structures(path, config.train[0], config, wanted or default)

    return read
