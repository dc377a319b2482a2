# SPDX-License-Identifier: MIT
"""What several areas share: small models with random weights, as checkpoints and as artifacts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlipkit.checkpoint import Checkpoint, Task, load_checkpoint
from mlipkit.export import export
from random_models import random_checkpoint

WATER_E0 = {"H": -13.6, "O": -2041.3}  # eV, of the size that density-functional theory gives


@pytest.fixture(scope="session")
def water_checkpoint() -> Checkpoint:
    """H and O, scalar features, float32."""
    config = {"species": ["H", "O"], "cutoff": 4.0, "channels": 8, "hidden_l_max": 0, "l_max": 2, "correlation": 2}
    return random_checkpoint({**config, "avg_num_neighbours": 40.0}, [Task("default", "random numbers", WATER_E0)])


@pytest.fixture(scope="session")
def vector_checkpoint() -> Checkpoint:
    """H and O, vectors between the layers, correlation 3, float64."""
    config = {"species": ["H", "O"], "cutoff": 4.0, "channels": 4, "hidden_l_max": 1, "l_max": 2, "correlation": 3}
    tasks = [Task("default", "random numbers", WATER_E0)]
    return random_checkpoint({**config, "avg_num_neighbours": 40.0}, tasks, "float64", seed=1)


@pytest.fixture(scope="session")
def two_task_checkpoint() -> Checkpoint:
    """Tasks `pbe`, `hybrid`; total charge, spin multiplicity (required in `hybrid`); outputs `charges`, `moments`."""
    config = {
        "species": ["H", "C", "O"],
        "cutoff": 3.5,
        "channels": 4,
        "hidden_l_max": 0,
        "l_max": 2,
        "correlation": 2,
        "avg_num_neighbours": 40.0,
        "total_charge_range": [-2, 2],
        "spin_multiplicity_range": [1, 5],
        "outputs": [
            {"name": "charges", "unit": "e", "width": 1},
            {"name": "moments", "unit": "e angstrom", "width": 2},
        ],
    }
    tasks = [
        Task("pbe", "PBE", {"H": -12.9, "C": -1029.8, "O": -2041.3}, {"total_charge": 0.0, "spin_multiplicity": 1.0}),
        Task("hybrid", "wB97M-V", {"H": -13.5, "C": -1030.6, "O": -2043.9}, {"total_charge": 0.0}),
    ]
    return random_checkpoint(config, tasks, seed=2)


@pytest.fixture(scope="session")
def ensemble_checkpoint() -> Checkpoint:
    """H and O, an ensemble of four, float64."""
    config = {"species": ["H", "O"], "cutoff": 4.0, "channels": 4, "l_max": 2, "correlation": 2, "ensemble": 4}
    tasks = [Task("default", "random numbers", WATER_E0)]
    return random_checkpoint({**config, "avg_num_neighbours": 40.0}, tasks, "float64", seed=3)


@pytest.fixture(scope="session")
def organic_checkpoint() -> Checkpoint:
    """H, C, N and O, float32."""
    config = {"species": ["H", "C", "N", "O"], "cutoff": 3.5, "channels": 4, "l_max": 2, "correlation": 2}
    tasks = [Task("default", "random numbers", {"H": -13.6, "C": -1029.8, "N": -1485.3, "O": -2043.9})]
    return random_checkpoint({**config, "avg_num_neighbours": 20.0}, tasks)


def exported(checkpoint: Checkpoint, factory: pytest.TempPathFactory, name: str) -> Path:
    path = factory.mktemp("artifacts") / f"{name}.pt"
    export(checkpoint, path)
    return path


@pytest.fixture(scope="session")
def water_artifact(water_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(water_checkpoint, tmp_path_factory, "water")


@pytest.fixture(scope="session")
def vector_artifact(vector_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(vector_checkpoint, tmp_path_factory, "vector")


@pytest.fixture(scope="session")
def ensemble_artifact(ensemble_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(ensemble_checkpoint, tmp_path_factory, "ensemble")


@pytest.fixture(scope="session")
def two_task_artifact(two_task_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(two_task_checkpoint, tmp_path_factory, "two_task")


@pytest.fixture(scope="session")
def organic_artifact(organic_checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(organic_checkpoint, tmp_path_factory, "organic")


@pytest.fixture(scope="session")
def bundled_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained model for H, C, N and O of examples/organic."""
    path = Path(__file__).parents[1] / "examples" / "organic" / "organic.ckpt"
    return exported(load_checkpoint(path), tmp_path_factory, "bundled")
