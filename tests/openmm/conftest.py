# SPDX-License-Identifier: MIT
"""Structures for the OpenMM tests; artifacts come from the shared fixtures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase import Atoms

CASES = Path(__file__).parents[1] / "conformance" / "cases"


@pytest.fixture(scope="session")
def cases() -> dict[str, Atoms]:
    """The conformance cases by name."""
    found = {}
    for path in sorted(CASES.glob("*.json")):
        case = json.loads(path.read_text())
        found[path.stem] = Atoms(case["species"], case["positions"], cell=case["cell"], pbc=case["pbc"])
    return found
