# SPDX-License-Identifier: MIT
"""LAMMPS with ``pair_style mlip``: loop time with LAMMPS's own breakdown, and whether long runs stay steady.

    python benchmarks/lammps/run.py --structure 192 1536 --ranks 1 2 --threads 1 2
    python benchmarks/lammps/run.py --only steady --steady-steps 10000

Breakdown: ``lmp`` as users start it; sections are LAMMPS's own, in milliseconds per step, mean over ranks. The exchange
of ghost features is part of the pair section. Steady: a liquid of flexible SPC/Fw molecules, on which the model with
its random weights acts too, is stepped one by one from Python: CPU time of the process per step, its 99th percentile
over its median, and the growth of resident memory after the first tenth of the steps. Between two steps the process
does a piece of work that is always the same: the spread of its times is the machine's. "Calm" steps are those after
which that work took at most a hundredth longer than its median.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np

from common.decks import LIQUID, PLAIN, breakdown, run_lammps, run_ranks, write_molecules, write_water
from common.machine import describe
from common.models import Files, ready
from common.results import Results, Row, parser

CALM = 1.01  # of the median time of the work that is always the same
COPIES = {192: "1 1 1", 384: "2 1 1", 768: "2 2 1", 1536: "2 2 2", 5184: "3 3 3", 12288: "4 4 4"}


def loop(files: Files, atoms: int, ranks: int, threads: int, words: str, steps: int) -> Row:
    """Milliseconds per step of the loop and of its sections; the first steps are not counted."""
    with tempfile.TemporaryDirectory() as scratch:
        write_water(Path(scratch))
        deck = PLAIN.format(
            copies=COPIES[atoms], model=files.artifact, options=words, threads=threads, warmup=max(2, steps // 10)
        )
        found = breakdown(run_lammps(Path(scratch), f"{deck}run {steps}\n", ranks, threads))
    per_step = 1e3 / found["steps"]
    return {
        **found,
        "ms_per_step": per_step * found["loop_s"],
        "us_per_atom": 1e3 * per_step * found["loop_s"] / found["atoms"],
        "sections_ms": {name: per_step * seconds for name, seconds in found["sections_s"].items()},
        "pair_ms": {name: per_step * seconds for name, seconds in found["pair_s"].items()},
    }


def steady(files: Files, steps: int, precision: str) -> Row:
    """Statistics over single steps of 192 atoms on one rank; the first tenth counts for times, not for memory."""
    with tempfile.TemporaryDirectory() as scratch:
        write_molecules(Path(scratch))
        deck = LIQUID.format(model=files.artifact, precision=precision, threads=1, warmup=min(200, steps))
        found = run_ranks(Path(scratch), deck, 1, steps, single=True)[0]
    cpu, memory = 1e3 * np.array(found["cpu_s"]), np.array(found["resident_mib"])
    same = 1e3 * np.array(found["same_work_s"])
    median, high = np.percentile(cpu, [50, 99])
    calm = cpu[same <= CALM * np.median(same)]
    begin = memory[steps // 10]
    return {
        "atoms": found["all_atoms"],
        "steps": steps,
        "median_ms": float(median),
        "p99_ms": float(high),
        "max_ms": float(cpu.max()),
        "p99_over_median": float(high / median),
        "same_work_ms": float(np.median(same)),
        "same_work_p99_over_median": float(np.percentile(same, 99) / np.median(same)),
        "calm_share": len(calm) / len(cpu),
        "calm_p99_over_median": float(np.percentile(calm, 99) / np.median(calm)),
        "resident_mib": float(memory[-1]),
        "growth_percent": float(100 * (memory[-1] - begin) / begin),
        "medians_of_tenths_ms": [float(np.median(part)) for part in np.array_split(cpu, 10)],
        "resident_of_tenths_mib": [float(part[-1]) for part in np.array_split(memory, 10)],
        "temperature": found["temperature"],
    }


def options() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--model", nargs="+", default=["128x0e"], help="hidden irreps")
    made.add_argument("--structure", nargs="+", type=int, default=[192, 1536], choices=list(COPIES), help="atoms")
    made.add_argument("--ranks", nargs="+", type=int, default=[1, 2])
    made.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="per rank; no more than cores in all")
    made.add_argument("--precision", nargs="+", default=["single"], choices=["single", "mixed", "double"])
    made.add_argument("--device", default="cpu", help="of the breakdown")
    made.add_argument("--steps", type=int, default=0, help="of the breakdown; 0: 40,000 / atoms")
    made.add_argument("--steady-steps", type=int, default=10000)
    made.add_argument("--only", choices=["breakdown", "steady"])
    arguments = made.parse_args()
    if arguments.quick:
        arguments.model, arguments.structure, arguments.threads = ["8x0e"], [192], [1]
        arguments.steps, arguments.steady_steps = 10, 40
    return arguments


def main() -> None:
    arguments = options()
    results, machine = Results("lammps", arguments), describe(rates=False)
    for model in arguments.model:
        files = ready(model, "water", results.folder)
        for precision in arguments.precision:
            common = {"model": model, "precision": precision}
            if arguments.only != "steady":
                breakdowns(results, arguments, files, common)
            if arguments.only != "breakdown":
                results.part(
                    lambda f=files, p=precision: steady(f, arguments.steady_steps, p), what="steady", **common,
                    ranks=1, threads=1, wanted_steps=arguments.steady_steps,
                )  # fmt: skip
    finish(results, machine)


def breakdowns(results: Results, arguments: argparse.Namespace, files: Files, common: Row) -> None:
    """All sizes, ranks and threads that fit the machine."""
    cores = results.cores()
    for atoms in arguments.structure:
        steps = arguments.steps or max(10, 40000 // atoms)
        for ranks in arguments.ranks:
            for threads in (threads for threads in arguments.threads if ranks * threads <= cores):
                words = f"precision {common['precision']} device {arguments.device}"
                results.part(
                    lambda a=atoms, r=ranks, t=threads, w=words, s=steps: loop(files, a, r, t, w, s),
                    what="breakdown", **common, device=arguments.device, size=atoms, ranks=ranks, threads=threads,
                    wanted_steps=steps,
                )  # fmt: skip


def finish(results: Results, machine: Row) -> None:
    def section(*names: str):
        return lambda row: sum(row["sections_ms"].get(name, 0.0) for name in names) if "sections_ms" in row else None

    def part(*names: str):
        return lambda row: sum(row["pair_ms"][name] for name in names) if row.get("pair_ms") else None

    results.finish(
        machine,
        [
            ("", lambda row: row["what"]),
            ("model", lambda row: row["model"]),
            ("precision", lambda row: row["precision"]),
            ("device", lambda row: row.get("device", "cpu")),
            ("atoms", lambda row: row["atoms"]),
            ("ranks", lambda row: row["ranks"]),
            ("threads", lambda row: row["threads"]),
            ("ms/step", lambda row: row.get("ms_per_step") or row["median_ms"]),
            ("us/atom", lambda row: row.get("us_per_atom") or 1e3 * row["median_ms"] / row["atoms"]),
            ("pair", section("pair")),
            ("of it model", part("model")),
            ("halo", part("halo")),
            ("pairs, forces", part("pairs", "forces")),
            ("neigh", section("neigh")),
            ("comm", section("comm")),
            ("rest", section("output", "modify", "other", "bond", "kspace")),
            ("p99 / median", lambda row: row.get("p99_over_median")),
            ("of calm steps", lambda row: row.get("calm_p99_over_median")),
            ("of the same work", lambda row: row.get("same_work_p99_over_median")),
            ("memory growth, %", lambda row: row.get("growth_percent")),
        ],
        "LAMMPS: milliseconds per step and its sections; steady: median CPU time per step",
    )


if __name__ == "__main__":
    main()
