# SPDX-License-Identifier: MIT
"""Memory: per atom against system size in the engine, and per rank of a large water box in LAMMPS.

    python benchmarks/memory/run.py --atoms 192 1536 12288 --lammps-copies "8 8 9"

Sizes are measured in a process of their own each: the highest resident memory of three evaluations, above what was
resident after the imports. In LAMMPS every rank reports its own highest resident memory after a few steps.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common.decks import PLAIN, run_ranks, write_water
from common.machine import describe
from common.models import Files, ready
from common.process import BENCHMARKS, script
from common.results import Results, Row, parser

CHILD = BENCHMARKS / "inference" / "worker.py"


def of_size(files: Files, atoms: int, precision: str) -> Row:
    """One evaluation process; KiB per atom."""
    words = [str(files.mace), str(files.artifact), "--structure", f"water-{atoms}", "--programs", "mlipkit"]
    found = script(CHILD, [*words, "--precision", precision, "--memory"])
    return {**found, "kib_per_atom": 1024 * found["above_imports_mib"] / atoms}


def in_lammps(files: Files, copies: str, ranks: int, precision: str, steps: int) -> Row:
    """Every rank's peak; KiB per atom above what a rank has before LAMMPS starts."""
    with tempfile.TemporaryDirectory() as scratch:
        write_water(Path(scratch))
        deck = PLAIN.format(copies=copies, model=files.artifact, options=f"precision {precision}", threads=1, warmup=0)
        found = run_ranks(Path(scratch), deck, ranks, steps)
    above = [rank["peak_mib"] - rank["begin_mib"] for rank in found]
    return {
        "atoms": found[0]["all_atoms"],
        "peak_mib": max(rank["peak_mib"] for rank in found),
        "all_ranks_mib": sum(rank["peak_mib"] for rank in found),
        "above_imports_mib": max(above),
        "kib_per_atom": 1024 * sum(above) / found[0]["all_atoms"],
        "wall_s_per_step": found[0]["wall_s_per_step"],
        "per_rank": found,
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--model", nargs="+", default=["128x0e"], help="hidden irreps")
    made.add_argument("--atoms", nargs="+", type=int, default=[192, 1536, 5184, 12288, 24000, 41472])
    made.add_argument("--precision", default="single", choices=["single", "mixed", "double"])
    made.add_argument("--lammps-copies", default="8 8 9", help="of 192 atoms along x y z; '8 8 9': 110,592 atoms")
    made.add_argument("--ranks", type=int, default=2)
    made.add_argument("--steps", type=int, default=3, help="of LAMMPS after the first forces")
    arguments = made.parse_args()
    if arguments.quick:
        arguments.model, arguments.atoms, arguments.lammps_copies = ["8x0e"], [192, 1536], "2 1 1"
    results, machine = Results("memory", arguments), describe(rates=False)
    precision = arguments.precision
    for model in arguments.model:
        files = ready(model, "water", results.folder)
        before: Row | None = None
        for atoms in arguments.atoms:
            row = results.part(
                lambda f=files, a=atoms: of_size(f, a, precision), program="engine", model=model, size=atoms,
                precision=precision,
            )  # fmt: skip
            if before is not None:  # what each further atom takes: constant, if memory is linear
                more = row["above_imports_mib"] - before["above_imports_mib"]
                row["kib_per_further_atom"] = 1024 * more / (row["atoms"] - before["atoms"])
            before = row
        results.part(
            lambda f=files: in_lammps(f, arguments.lammps_copies, arguments.ranks, precision, arguments.steps),
            [arguments.steps],
            program=f"lammps, {arguments.ranks} ranks", model=model, size=arguments.lammps_copies, precision=precision,
        )  # fmt: skip
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    results.finish(
        machine,
        [
            ("program", lambda row: row["program"]),
            ("model", lambda row: row["model"]),
            ("precision", lambda row: row["precision"]),
            ("atoms", lambda row: row["atoms"]),
            ("peak of a process, MiB", lambda row: row["peak_mib"]),
            ("above imports, MiB", lambda row: row["above_imports_mib"]),
            ("KiB per atom", lambda row: row["kib_per_atom"]),
            ("KiB per further atom", lambda row: row.get("kib_per_further_atom")),
            ("s/step", lambda row: row.get("wall_s_per_step")),
        ],
        "Memory",
    )


if __name__ == "__main__":
    main()
