# SPDX-License-Identifier: MIT
"""Structures for the OpenMM tests; artifacts come from the shared fixtures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase import Atoms

from mlipkit.checkpoint import Task
from mlipkit.export import export
from random_models import random_checkpoint

CASES = Path(__file__).parents[1] / "conformance" / "cases"


@pytest.fixture(scope="session")
def cases() -> dict[str, Atoms]:
    """The conformance cases by name."""
    found = {}
    for path in sorted(CASES.glob("*.json")):
        case = json.loads(path.read_text())
        found[path.stem] = Atoms(case["species"], case["positions"], cell=case["cell"], pbc=case["pbc"])
    return found


@pytest.fixture(scope="session")
def organic_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights for H, C, N, O."""
    config = {"species": ["H", "C", "N", "O"], "cutoff": 3.5, "channels": 4, "l_max": 2, "correlation": 2}
    tasks = [Task("default", "random numbers", {"H": -13.6, "C": -1029.8, "N": -1485.3, "O": -2043.9})]
    path = tmp_path_factory.mktemp("artifacts") / "organic.pt"
    export(random_checkpoint({**config, "avg_num_neighbours": 20.0}, tasks), path)
    return path
