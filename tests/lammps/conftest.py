# SPDX-License-Identifier: MIT
"""Structures for the LAMMPS tests, and what ASE gives for some; artifacts come from the shared fixtures."""

from __future__ import annotations

from pathlib import Path

import pytest
from ase import Atoms
from conformance_cases import CASES, load_case
from decks import State
from reference import ase_state


@pytest.fixture(scope="session")
def cases() -> dict[str, Atoms]:
    """The conformance cases by name."""
    return {path.stem: load_case(path) for path in sorted(CASES.glob("*.json"))}


@pytest.fixture(scope="session")
def vector(cases: dict[str, Atoms], vector_artifact: Path) -> State:
    """The model with vectors on bulk water."""
    return ase_state(vector_artifact, cases["bulk_water"])


@pytest.fixture(scope="session")
def slab(cases: dict[str, Atoms], water_artifact: Path) -> State:
    """The model without on the slab."""
    return ase_state(water_artifact, cases["slab"])
