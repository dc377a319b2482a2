# SPDX-License-Identifier: MIT
"""Structures for the LAMMPS tests; artifacts come from the shared fixtures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ase import Atoms

CASES = Path(__file__).parents[1] / "conformance" / "cases"


def load_case(path: Path) -> Atoms:
    case = json.loads(path.read_text())
    return Atoms(case["species"], case["positions"], cell=case["cell"], pbc=case["pbc"])


@pytest.fixture(scope="session")
def cases() -> dict[str, Atoms]:
    """The conformance cases by name."""
    return {path.stem: load_case(path) for path in sorted(CASES.glob("*.json"))}
