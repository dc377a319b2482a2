# SPDX-License-Identifier: MIT
"""Whole models on several threads: the same to rounding, and to the last bit with the same number of threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlipkit.checkpoint import Task
from mlipkit.export import export
from mlipkit.interfaces.engine import Engine
from random_models import random_checkpoint

SPECIES = ["H", "C", "O"]
MODELS: dict[str, dict[str, Any]] = {
    "scalars": {},
    "vectors": {"hidden_l_max": 1},
    "species map, agnesi": {"first_layer_residual": False, "radial": {"transform": "agnesi"}},
}


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("name", MODELS)
def test_threads_change_rounding_alone(tmp_path: Path, name: str, precision: str) -> None:
    config = {"species": SPECIES, "cutoff": 4.5, "channels": 20, "l_max": 3, "correlation": 3, "avg_num_neighbours": 30}
    tasks = [Task("default", "none", dict.fromkeys(SPECIES, 0.0))]
    export(random_checkpoint({**config, **MODELS[name]}, tasks), tmp_path / "model.pt")
    rng = np.random.default_rng(4)
    grid = np.stack(np.meshgrid(*[np.arange(5)] * 3), -1).reshape(-1, 3) * 2.0
    positions, cell, pbc = grid + rng.uniform(-0.35, 0.35, grid.shape), np.eye(3) * 10.0, np.array([True] * 3)
    species = rng.integers(0, 3, len(grid))
    found = []
    for threads in (1, 3, 3):
        engine = Engine(tmp_path / "model.pt", SPECIES, precision=precision, threads=threads)
        found += [engine.compute(species, positions, cell, pbc, energies=True, virials=True) for _ in range(2)]
    one, *several = found[1:]
    largest = float(np.abs(one.forces).max())
    relative = 1e-12 if precision == "double" else 1e-5
    for result in several:
        np.testing.assert_array_equal(result.forces, several[0].forces)
        np.testing.assert_array_equal(result.virials, several[0].virials)
        assert result.energy == several[0].energy
        np.testing.assert_allclose(result.forces, one.forces, rtol=0, atol=relative * largest)
        np.testing.assert_allclose(result.energies, one.energies, rtol=relative, atol=relative)
