# SPDX-License-Identifier: MIT
"""Small systems: microseconds per step of the engine, of ASE and OpenMM on top of it, and of mace-torch; one thread.

    python benchmarks/latency/run.py --atoms 1 3 9 30 90

Droplets of water in vacuum. A step is energy and forces of new positions; in OpenMM also an integration step. Neighbour
lists are included everywhere but in TorchScript, which gets a prepared graph. CPU time of the process.
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
PROGRAMS = ("engine", "ase", "openmm", "mace-torch TorchScript", "mace-torch calculator")


def measure(files: Files, atoms: int, precision: str, rounds: int, shortest: float) -> Row:
    """Microseconds per step in every program, and the largest difference of their forces."""
    words = ["--atoms", str(atoms), "--precision", precision]
    with (
        Worker(WORKER, ["mlipkit", str(files.artifact), *words]) as ours,
        Worker(WORKER, ["mace-torch", str(files.mace), *words]) as theirs,
    ):
        timings = alternate({**ours.timers(), **theirs.timers()}, rounds, 3, shortest)
        forces = {**ours.info["forces"], **theirs.info["forces"]}
        failed = {**ours.info["failed"], **theirs.info["failed"]}
    reference = np.array(forces["engine"])
    difference = max(float(np.abs(np.array(found) - reference).max()) for found in forces.values())
    times = {name: timing.per(1) for name, timing in timings.items()}
    return {"times": times, "difference": difference, "failed": failed}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--model", nargs="+", default=["128x0e"], help="hidden irreps")
    made.add_argument("--atoms", nargs="+", type=int, default=[1, 3, 9, 30, 90])
    made.add_argument("--precision", default="single", choices=["single", "mixed", "double"])
    made.add_argument("--repeats", type=int, default=7, help="rounds of which medians are taken")
    arguments = made.parse_args()
    if arguments.quick:
        arguments.model, arguments.atoms, arguments.repeats = ["8x0e"], [9], 2
    shortest = 0.0 if arguments.quick else 0.05
    results, machine = Results("latency", arguments), describe(rates=False)
    for model in arguments.model:
        files = ready(model, "water", results.folder)
        for atoms in arguments.atoms:
            results.part(
                lambda f=files, a=atoms: measure(f, a, arguments.precision, arguments.repeats, shortest),
                [arguments.repeats], model=model, atoms=atoms, precision=arguments.precision,
            )  # fmt: skip
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    def time(name: str):
        return lambda row: row["times"].get(name, {}).get("cpu_us")

    results.finish(
        machine,
        [
            ("model", lambda row: row["model"]),
            ("precision", lambda row: row["precision"]),
            ("atoms", lambda row: row["atoms"]),
            *((name, time(name)) for name in PROGRAMS),
            ("max dF, eV/A", lambda row: row["difference"]),
        ],
        "Microseconds per step of small systems",
    )


if __name__ == "__main__":
    main()
