# SPDX-License-Identifier: MIT
"""Long runs: memory stays bounded while neighbour counts change, and no call is much slower than the others."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
from engine_toy import CUTOFF

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.neighbours import NeighbourList


def run(engine: Engine, steps: int, seed: int) -> list[float]:
    """Evaluates changing structures of 40 to 80 atoms; gives the seconds of each evaluation."""
    rng = np.random.default_rng(seed)
    neighbours = NeighbourList(CUTOFF, skin=0.3)
    seconds = []
    for _ in range(steps):
        n_atoms = int(rng.integers(40, 80))
        positions = rng.uniform(0, 8.0, (n_atoms, 3))
        start = time.process_time()
        engine.compute([0] * n_atoms, positions, np.eye(3) * 8.0, True, neighbours, energies=True, virials=True)
        seconds.append(time.process_time() - start)
    return seconds


def peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_memory_is_bounded(engine: Engine) -> None:
    run(engine, 100, seed=0)
    before = peak_mebibytes()
    run(engine, 1500, seed=1)
    # one step's arrays are some 0.3 MiB: keeping a tenth of them would add 45 MiB
    assert peak_mebibytes() - before < 15


def test_opening_again_and_again_keeps_no_memory(toy_artifact: Path) -> None:
    for _ in range(20):
        Engine(toy_artifact, task="pbe")
    before = peak_mebibytes()
    for _ in range(100):
        Engine(toy_artifact, task="pbe")
    assert peak_mebibytes() - before < 30


def test_first_evaluations_are_no_slower_than_later_ones(engine: Engine) -> None:
    # a graph that is profiled and optimised again for new shapes takes tenths of a second
    seconds = run(engine, 60, seed=2)
    assert max(seconds[:5]) < 0.1
    assert max(seconds[:5]) < 20 * np.median(seconds)
