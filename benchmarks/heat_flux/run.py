# SPDX-License-Identifier: MIT
"""What the centroid virials of a heat flux cost: microseconds per atom of an evaluation with them and without; one
thread, CPU time of the process.

    python benchmarks/heat_flux/run.py --model 128x0e 64x0e+64x1o --precision single double
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np

from common.machine import describe
from common.models import Files, ready
from common.results import Results, Row, parser
from common.structures import structure
from common.timing import Timer, alternate, once
from mlipkit.interfaces.engine import Engine

PLAIN, FLUX = "forces", "with centroid virials"


def measure(files: Files, name: str, precision: str, rounds: int) -> Row:
    """Times per atom, and how far the sum of the centroid virials is from the virial."""
    atoms = structure(name)
    symbols = sorted(set(atoms.symbols))
    engine = Engine(files.artifact, species=symbols, precision=precision, threads=1)
    species = [symbols.index(symbol) for symbol in atoms.symbols]
    random = np.random.default_rng(0)
    moved = [atoms.positions + random.normal(0.0, 0.01, atoms.positions.shape) for _ in range(rounds)]

    def timer(centroids: bool) -> Timer:
        def call(number: int) -> object:
            return engine.compute(species, moved[number], atoms.cell.array, True, centroid_virials=centroids)

        return lambda number, calls: once(call, number, calls)

    timings = alternate({PLAIN: timer(False), FLUX: timer(True)}, rounds)
    found = engine.compute(species, moved[0], atoms.cell.array, True, centroid_virials=True)
    assert found.centroid_virials is not None
    difference = np.abs(found.centroid_virials.sum(axis=0)[:6] - found.virial).max() / np.abs(found.virial).max()
    times = {name: timing.per(len(atoms)) for name, timing in timings.items()}
    return {"times": times, "ratio": times[FLUX]["cpu_us"] / times[PLAIN]["cpu_us"], "difference": float(difference)}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--model", nargs="+", default=["128x0e", "64x0e+64x1o"], help="hidden irreps; two layers")
    made.add_argument("--structure", default="water-192")
    made.add_argument("--precision", nargs="+", default=["single", "double"])
    made.add_argument("--repeats", type=int, default=7, help="rounds of which medians are taken")
    arguments = made.parse_args()
    if arguments.quick:
        arguments.model, arguments.precision, arguments.repeats = ["8x0e"], ["single"], 2
    results, machine = Results("heat_flux", arguments), describe(rates=False)
    for model in arguments.model:
        files = ready(model, arguments.structure.partition("-")[0], results.folder)
        for precision in arguments.precision:
            results.part(
                lambda f=files, p=precision: measure(f, arguments.structure, p, arguments.repeats),
                [arguments.repeats], model=model, structure=arguments.structure, precision=precision,
            )  # fmt: skip
    results.finish(
        machine,
        [
            ("model", lambda row: row["model"]),
            ("precision", lambda row: row["precision"]),
            (PLAIN, lambda row: row["times"][PLAIN]["cpu_us"]),
            (FLUX, lambda row: row["times"][FLUX]["cpu_us"]),
            ("ratio", lambda row: row["ratio"]),
        ],
        "Microseconds per atom of evaluations for a heat flux",
    )


if __name__ == "__main__":
    main()
