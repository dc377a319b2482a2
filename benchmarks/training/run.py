# SPDX-License-Identifier: MIT
"""One training step with forces in the loss, five molecules of 27 atoms: mlipkit against mace-torch, in turns.

    python benchmarks/training/run.py --model 128x0e --threads 1

A step is what each program's trainer does with a batch: model, loss, backward pass, clipping, optimiser; in float32,
from the same weights. One thread is measured by CPU time of the process, several by wall-clock time.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np

from common.machine import describe
from common.models import Files, ready
from common.results import Results, Row, parser
from common.timing import alternate
from common.workers import Worker

WORKER = Path(__file__).with_name("worker.py")


def measure(files: Files, threads: int, rounds: int) -> Row:
    """Milliseconds per step, and how far the forces differed before the first step."""
    words = ["--threads", str(threads)]
    with (
        Worker(WORKER, ["mlipkit", str(files.checkpoint), *words], threads) as ours,
        Worker(WORKER, ["mace-torch", str(files.mace), *words], threads) as theirs,
    ):
        mine, other = np.array(ours.info["forces"]), np.array(theirs.info["forces"])
        timings = alternate({**ours.timers(), **theirs.timers()}, rounds)
    times = {name: {"cpu_ms": 1e3 * timing.cpu, "wall_ms": 1e3 * timing.wall} for name, timing in timings.items()}
    clock = "cpu_ms" if threads == 1 else "wall_ms"
    return {
        "atoms": len(mine),
        "edges": ours.info["edges"],
        "difference": float(np.abs(mine - other).max()),
        "largest_force": float(np.abs(other).max()),
        "times": times,
        "ratio": times["mace-torch"][clock] / times["mlipkit"][clock],
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--model", nargs="+", default=["128x0e", "128x0e+128x1o"], help="hidden irreps")
    made.add_argument("--threads", nargs="+", type=int, default=[1])
    made.add_argument("--repeats", type=int, default=7, help="rounds of which medians are taken")
    arguments = made.parse_args()
    if arguments.quick:
        arguments.model, arguments.repeats = ["8x0e"], 2
    results, machine = Results("training", arguments), describe()
    for model in arguments.model:
        files = ready(model, "molecule", results.folder)
        for threads in arguments.threads:
            results.part(
                lambda f=files, t=threads: measure(f, t, arguments.repeats), [arguments.repeats], model=model,
                threads=threads,
            )  # fmt: skip
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    def time(row: Row, program: str) -> float:
        return row["times"][program]["cpu_ms" if row["threads"] == 1 else "wall_ms"]

    results.finish(
        machine,
        [
            ("model", lambda row: row["model"]),
            ("threads", lambda row: row["threads"]),
            ("mlipkit, ms", lambda row: time(row, "mlipkit")),
            ("mace-torch, ms", lambda row: time(row, "mace-torch")),
            ("ratio", lambda row: row["ratio"]),
            ("max dF, eV/A", lambda row: row["difference"]),
            ("max F, eV/A", lambda row: row["largest_force"]),
        ],
        "A training step of five molecules of 27 atoms, forces in the loss",
    )


if __name__ == "__main__":
    main()
