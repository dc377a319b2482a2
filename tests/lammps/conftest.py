# SPDX-License-Identifier: MIT
"""Structures for the LAMMPS tests; artifacts come from the shared fixtures."""

from __future__ import annotations

import pytest
from ase import Atoms
from conformance_cases import CASES, load_case


@pytest.fixture(scope="session")
def cases() -> dict[str, Atoms]:
    """The conformance cases by name."""
    return {path.stem: load_case(path) for path in sorted(CASES.glob("*.json"))}
