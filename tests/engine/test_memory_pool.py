# SPDX-License-Identifier: MIT
"""The pool of large arrays: blocks never overlap, holes are used again, and the system gets its memory back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mlipkit.interfaces.engine import Engine
from mlipkit.ops.memory import pooled_memory

PAGE = 4096
MIB = 1 << 20


def pooled() -> tuple[int, int]:
    """Bytes in use, and up to the highest one used."""
    return torch.ops.mlip.pooled_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_arrays_keep_their_content(seed: int) -> None:
    random = np.random.default_rng(seed)
    before = pooled()[0]
    kept: list[tuple[int, torch.Tensor]] = []
    sizes = 0
    with pooled_memory():
        for number in range(400):
            if kept and random.random() < 0.5:
                expected, array = kept.pop(int(random.integers(len(kept))))
                assert (array == expected).all()
                sizes -= -(-array.numel() // PAGE) * PAGE
                del array
            else:
                n = int(random.integers(32 << 10, 300 << 10))
                kept.append((number % 251, torch.full((n,), number % 251, dtype=torch.uint8)))
                sizes += -(-n // PAGE) * PAGE
            assert pooled()[0] - before == sizes
    for expected, array in kept:  # released outside of the scope, in any order
        assert (array == expected).all()
    kept.clear()
    del array  # of the loop
    assert pooled()[0] == before


HOLES = """
import torch
from mlipkit.ops.memory import pooled_memory

MIB = 1 << 20
with pooled_memory():
    for _ in range(50):
        arrays = [torch.empty(size * MIB, dtype=torch.uint8) for size in (3, 1, 4, 1, 5)]
        del arrays[::2]
        arrays += [torch.empty(size * MIB, dtype=torch.uint8) for size in (3, 4, 5)]
        in_use = torch.ops.mlip.pooled_bytes()[0] // MIB
        del arrays
print(in_use, torch.ops.mlip.pooled_bytes()[0], torch.ops.mlip.pooled_bytes()[1] // MIB)
"""


def test_holes_are_used_again() -> None:
    command = [sys.executable, "-c", HOLES]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.split() == ["14", "0", "14"]


def test_only_evaluations_use_it(toy_artifact: Path) -> None:
    before = pooled()
    outside = torch.ones(MIB)
    assert pooled() == before
    engine = Engine(toy_artifact, task="pbe", threads=1)
    positions = np.array(list(np.ndindex(12, 12, 12))) * 1.5
    engine.compute([0] * len(positions), positions)
    assert outside.sum() == MIB
    del engine
    assert pooled()[0] <= before[0]  # less where a model of another test was closed meanwhile


PROGRAM = """
import resource, sys
import numpy as np
import torch
if sys.argv[2] == "limit":
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
from mlipkit.interfaces.engine import Engine

def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) // 1024

engine = Engine(sys.argv[1], task="pbe", threads=1)
positions = np.array(list(np.ndindex(24, 24, 24))) * 1.5
species = [0] * len(positions)
engine.compute(species, positions)
energy = engine.compute(species, positions).energy
used, extent, before = *torch.ops.mlip.pooled_bytes(), resident()
del engine
print(energy, used // 2**20, extent // 2**20, before - resident(), torch.ops.mlip.pooled_bytes()[1])
"""


def run(artifact: Path, mode: str) -> list[float]:
    command = [sys.executable, "-c", PROGRAM, str(artifact), mode]
    return [float(word) for word in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


def test_closing_gives_it_back(toy_artifact: Path) -> None:
    _, used, extent, freed, left = run(toy_artifact, "free")
    assert used < extent
    assert extent > 20
    assert freed > 0.7 * extent
    assert left == 0


def test_limit_of_addresses(toy_artifact: Path) -> None:
    """Where the range cannot be had the C library's heap serves."""
    free, limited = run(toy_artifact, "free"), run(toy_artifact, "limit")
    assert limited[0] == free[0]
    assert limited[2] == 0


FORKS = """
import os, threading
import torch
from mlipkit.ops.memory import pooled_memory

stop = threading.Event()

def busy():
    while not stop.is_set():
        torch.empty(1 << 20)

with pooled_memory():
    thread = threading.Thread(target=busy)
    thread.start()
    for _ in range(200):
        child = os.fork()
        if child == 0:
            kept = [torch.full((1 << 18,), 3.0) for _ in range(3)]
            os._exit(0 if all(float(array[-1]) == 3.0 for array in kept) else 1)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    thread.join()
"""


def test_child_of_a_fork_finds_it_whole() -> None:
    """Also where another thread was allocating at that moment."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKS], check=True, timeout=120)
