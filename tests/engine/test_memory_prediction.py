# SPDX-License-Identifier: MIT
"""The memory that the engine predicts for an evaluation is what the evaluation then takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlipkit.checkpoint import Task
from mlipkit.export import export
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError
from random_models import random_checkpoint

CONFIG = {
    "species": ["Ar", "Ne"],
    "cutoff": 5.0,
    "channels": 32,
    "l_max": 2,
    "correlation": 2,
    "avg_num_neighbours": 45,
}

# Predicts, evaluates in a fresh process, prints both; the list of pairs is the host's and made before.
PROGRAM = """
import re, sys
import numpy as np
import torch
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.neighbours import NeighbourList

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read()).group(1))

path, precision, cells = sys.argv[1], sys.argv[2], int(sys.argv[3])
base = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
grid = np.stack(np.meshgrid(*[np.arange(cells)] * 3), -1).reshape(-1, 1, 3)
positions = (4.4 * (grid + base)).reshape(-1, 3) + np.random.default_rng(0).uniform(-0.1, 0.1, (4 * cells**3, 3))
cell, species = np.eye(3) * 4.4 * cells, np.arange(4 * cells**3) % 2
edges = NeighbourList(5.0).update(positions, cell, True)
engine = Engine(path, precision=precision, threads=1)
first = np.searchsorted(edges.centre, np.arange(len(positions) + 1))
engine.set_pairs(species, first, edges.neighbour, edges.shifts)
n_edges = len(edges.centre)
del edges
open("/proc/self/clear_refs", "w").write("5")
before = peak()
predicted = engine.predict_memory(len(positions), len(positions), n_edges)
engine.evaluate_pairs(positions, cell)
size = 8 if precision == "double" else 4
lists = n_edges * (16 + 3 * size) + 24 * len(positions)  # edges and forces, which are not torch's
print(predicted, peak() - before, predicted - lists, torch.ops.mlip.pooled_bytes()[1])
"""


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory") / "model.pt"
    tasks = [Task("default", "none", dict.fromkeys(CONFIG["species"], 0.0))]
    export(random_checkpoint({**CONFIG, "hidden_l_max": 1}, tasks), path)
    return path


@pytest.mark.parametrize("precision", ["single", "double"])
def test_prediction_is_what_an_evaluation_takes(artifact: Path, precision: str) -> None:
    words = [sys.executable, "-c", PROGRAM, str(artifact), precision, "9"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    predicted, taken, tensors, pool = map(float, done.stdout.split())
    assert taken > 2e7  # else it is noise
    assert 0.93 < predicted / taken < 1.12, predicted / taken
    assert 0.93 < tensors / pool < 1.1, "arrays and the holes between them"


def test_prediction_grows_with_the_atoms(artifact: Path) -> None:
    engine = Engine(artifact)
    small, large = (engine.predict_memory(n, n, 40 * n) for n in (1000, 100_000))
    assert 95 < large / small < 105
    assert engine.predict_memory(1000, 2000, 40_000) > small
    assert engine.predict_memory(0, 0, 0) == 0.0


def test_impossible_sizes_are_refused(artifact: Path) -> None:
    engine = Engine(artifact)
    for sizes in [(-1, 0, 0), (10, 5, 0), (10, 10, -1)]:
        with pytest.raises(EngineError, match="there is no graph of"):
            engine.predict_memory(*sizes)
