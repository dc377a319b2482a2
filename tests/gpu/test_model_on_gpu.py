# SPDX-License-Identifier: MIT
"""Whole models on the device against the processor, in every precision, through the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlipkit.interfaces.engine import Engine, Result
from tolerances import TOLERANCES


def structure(n: int = 60, edge: float = 9.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Species, positions and cell: atoms on a disturbed lattice, two kinds in turn."""
    random = np.random.default_rng(3)
    side = int(np.ceil(n ** (1 / 3)))
    sites = np.array(list(np.ndindex(side, side, side)))[:n] * (edge / side)
    return np.arange(n) % 2, sites + random.uniform(-0.25, 0.25, (n, 3)), np.eye(3) * edge


def evaluate(path: Path, device: str, precision: str) -> Result:
    engine = Engine(path, precision=precision, device=device)
    species, positions, cell = structure()
    return engine.compute(species, positions, cell, True, energies=True, virials=True)


@pytest.mark.parametrize("precision", ["single", "mixed", "double"])
@pytest.mark.parametrize("model", ["water_artifact", "vector_artifact"])
def test_device_agrees_with_the_processor(model: str, precision: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(model)
    wanted, found, again = (evaluate(path, device, precision) for device in ("cpu", "cuda", "cuda"))
    allowed = TOLERANCES[precision]
    n_atoms = len(wanted.forces)
    assert abs(found.energy - wanted.energy) < allowed.energy * n_atoms
    assert np.abs(found.forces - wanted.forces).max() < allowed.force
    assert np.abs(found.virial - wanted.virial).max() < allowed.virial * n_atoms
    assert np.array_equal(found.forces, again.forces), "two runs differ"


def test_model_without_tables(water_artifact: Path) -> None:
    """Radial networks are evaluated on the device."""
    species, positions, cell = structure()
    results = [
        Engine(water_artifact, precision="mixed", device=device, tables=False).compute(species, positions, cell, True)
        for device in ("cpu", "cuda")
    ]
    assert np.abs(results[0].forces - results[1].forces).max() < TOLERANCES["mixed"].force
