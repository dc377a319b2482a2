# SPDX-License-Identifier: MIT
"""A copy of this environment that tests may damage, and one that is complete."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import Prefix, copy_of_this


@pytest.fixture
def prefix(tmp_path: Path) -> Prefix:
    """Complete; may be damaged."""
    return copy_of_this(tmp_path / "prefix")


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Prefix:
    """Complete, shared, and to be left so."""
    return copy_of_this(tmp_path_factory.mktemp("complete") / "prefix")
