# SPDX-License-Identifier: MIT
"""LAMMPS as a library, one process of it: a deck, then steps one by one with CPU time and memory after each.

mpirun -np 2 python common/lammps_rank.py deck.in --steps 5 --result folder
"""

from __future__ import annotations

import argparse
import json
import os
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common.process import memory_mib
from mlipkit.interfaces.lammps import open_lammps


def same_work() -> Callable[[], None]:
    """The same few milliseconds of work at every call, in arrays of a few MB as a step has them: what the machine does
    to the time of a step shows in this too, what LAMMPS or the model do does not."""
    left, right = np.random.default_rng(0).random((2, 512, 512), dtype=np.float32)
    large, product = np.ones((4, 1 << 18), dtype=np.float32), np.empty_like(left)

    def work() -> None:
        np.matmul(left, right, out=product)
        for _ in range(4):
            np.add(large, 1.0, out=large)

    return work


def run(deck: Path, steps: int, single: bool) -> dict[str, Any]:
    """Memory in MiB at the start, after the deck and at its highest; with ``single`` also each step's, and its CPU time
    next to that of :func:`same_work`."""
    begin = memory_mib()
    lmp = open_lammps(["-screen", "none", "-log", "none", "-nocite"])
    lmp.file(str(deck))
    found: dict[str, Any] = {"begin_mib": begin, "deck_mib": memory_mib()}
    taken = steps if single else 0
    # records must not look like a leak
    cpu, same, resident = (array("d", bytes(8 * taken)) for _ in range(3))
    work = same_work()
    work()
    wall = time.perf_counter()
    if single:
        for step in range(steps):
            before = time.process_time()
            lmp.command("run 1 pre no post no")
            between = time.process_time()
            work()
            cpu[step], same[step] = between - before, time.process_time() - between
            resident[step] = memory_mib()
    else:
        lmp.command(f"run {steps} pre no post no")
    found["wall_s_per_step"] = (time.perf_counter() - wall) / steps
    found["atoms"], found["all_atoms"] = lmp.extract_global("nlocal"), lmp.get_natoms()
    found["ghosts"] = lmp.extract_global("nghost")
    found["temperature"] = lmp.get_thermo("temp")
    found["peak_mib"] = memory_mib(peak=True)
    found["cpu_s"], found["same_work_s"], found["resident_mib"] = cpu.tolist(), same.tolist(), resident.tolist()
    lmp.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("deck", type=Path)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--single", action="store_true", help="step by step")
    parser.add_argument("--result", type=Path, required=True, help="folder for one file per rank")
    arguments = parser.parse_args()
    found = run(arguments.deck, arguments.steps, arguments.single)
    rank = os.environ.get("PMI_RANK", "0")
    (arguments.result / f"rank{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
