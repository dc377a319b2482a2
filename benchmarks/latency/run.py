# SPDX-License-Identifier: MIT
"""Small systems: microseconds per step of the engine, of ASE and OpenMM on top of it, and of mace-torch; one thread.

    python benchmarks/latency/run.py --atoms 1 3 9 30 90

Droplets of water in vacuum. A step is energy and forces of new positions; in OpenMM also an integration step. Neighbour
lists are included everywhere but in TorchScript, which gets a prepared graph. Wall-clock time.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common.machine import describe
from common.models import Files, ready
from common.process import script
from common.results import Results, Row, parser

CHILD = Path(__file__).with_name("step.py")
PROGRAMS = ("engine", "ase", "openmm", "mace-torch TorchScript", "mace-torch calculator")


def measure(files: Files, atoms: int, precision: str, quick: bool, repeats: int) -> Row:
    words = [str(files.mace), str(files.artifact), "--atoms", str(atoms), "--precision", precision]
    words += ["--repeats", str(repeats), "--shortest", "0" if quick else "0.05"]
    return script(CHILD, words)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--model", nargs="+", default=["128x0e"], help="hidden irreps")
    made.add_argument("--atoms", nargs="+", type=int, default=[1, 3, 9, 30, 90])
    made.add_argument("--precision", default="single", choices=["single", "mixed", "double"])
    made.add_argument("--repeats", type=int, default=7, help="rounds of which medians are taken")
    arguments = made.parse_args()
    if arguments.quick:
        arguments.model, arguments.atoms, arguments.repeats = ["8x0e"], [9], 2
    results, machine = Results("latency", arguments), describe(rates=False)
    for model in arguments.model:
        files = ready(model, "water", results.folder)
        for atoms in arguments.atoms:
            results.part(
                lambda f=files, a=atoms: measure(f, a, arguments.precision, arguments.quick, arguments.repeats),
                [arguments.repeats], model=model, atoms=atoms, precision=arguments.precision,
            )  # fmt: skip
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    def time(name: str):
        return lambda row: row["times"].get(name, {}).get("wall_us")

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
