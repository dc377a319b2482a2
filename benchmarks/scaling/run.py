# SPDX-License-Identifier: MIT
"""Many ranks: strong and weak scaling on this machine, and what ranks send each other against their number of atoms.

    python benchmarks/scaling/run.py --model 128x0e

Times are those of LAMMPS's loop, on as many ranks as there are cores. Messages and bytes of the halo exchange are
counted by the pair style; they depend on the grid of ranks and not on the machine, so that they are counted on more
ranks than cores too. From both follows the time of a step on a cluster, under the assumptions that are printed.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common.decks import PLAIN, breakdown, run_lammps, write_water
from common.machine import describe
from common.models import Files, ready
from common.results import Results, Row, parser
from mlipkit.export.reader import read_manifest

SKIN = 1.0  # of the deck, angstrom
STRONG = "2 2 2"  # copies of 192 atoms
WEAK = {1: "2 2 1", 2: "2 2 2", 4: "4 2 2", 8: "4 4 2"}  # 768 atoms per rank
LATENCY, BANDWIDTH = 2e-6, 1e10  # seconds per message and bytes per second of one rank, as of a usual cluster network
EXTRAPOLATED = [30_000, 10_000, 3_000, 1_000, 300, 100]  # atoms per rank


def measure(files: Files, copies: str, ranks: int, precision: str, steps: int) -> Row:
    """Loop time, ghosts, messages and bytes, means over the ranks."""
    with tempfile.TemporaryDirectory() as scratch:
        write_water(Path(scratch))
        deck = PLAIN.format(copies=copies, model=files.artifact, options=f"precision {precision}", threads=1, warmup=2)
        log = run_lammps(Path(scratch), f"{deck}run {steps}\n", ranks)
    found = breakdown(log)
    traffic = re.findall(r"^Pair style mlip, halo of a rank per evaluation: (\S+) messages, (\S+) bytes", log, re.M)
    grid = re.findall(r"^\s+(\d+) by (\d+) by (\d+) MPI processor grid", log, re.MULTILINE)[-1]
    box = re.findall(r"orthogonal box = \((\S+) (\S+) (\S+)\) to \((\S+) (\S+) (\S+)\)", log)[-1]
    low, high = [float(x) for x in box[:3]], [float(x) for x in box[3:]]
    domain = [(high[k] - low[k]) / int(grid[k]) for k in range(3)]
    messages, size = map(float, traffic[-1]) if traffic else (0.0, 0.0)
    return {
        **found,
        "ms_per_step": 1e3 * found["loop_s"] / found["steps"],
        "grid": "x".join(grid),
        "domain": domain,
        "atoms_per_rank": found["atoms"] / ranks,
        "messages": messages,
        "bytes": size,
    }


def ghosts(domain: list[float], density: float, reach: float) -> float:
    """Atoms within ``reach`` outside of a domain of a uniform liquid."""
    inner, outer = 1.0, 1.0
    for edge in domain:
        inner, outer = inner * edge, outer * (edge + 2.0 * reach)
    return density * (outer - inner)


def extrapolate(rows: list[Row], exchange: dict[str, Any]) -> list[Row]:
    """A step with few atoms per rank: time of an atom as measured on one rank, ghosts of a cube, network as assumed."""
    one = next(row for row in rows if row["case"] == "strong" and row["ranks"] == 1)
    volume = one["domain"][0] * one["domain"][1] * one["domain"][2]
    density, per_atom = one["atoms"] / volume, 1e-3 * one["ms_per_step"] / one["atoms"]
    found = []
    for atoms in EXTRAPOLATED:
        edge = (atoms / density) ** (1 / 3)
        n_ghosts = ghosts([edge] * 3, density, exchange["reach"])
        swaps = 6 * -(-exchange["reach"] // edge)  # LAMMPS fetches from further away in several rounds
        messages, size = exchange["times"] * swaps, n_ghosts * exchange["bytes_per_ghost"]
        network, work = messages * LATENCY + size / BANDWIDTH, atoms * per_atom
        found.append(
            {
                "case": "extrapolated", "ranks": None, "atoms_per_rank": float(atoms), "ghosts_model": n_ghosts,
                "messages": messages, "bytes": size, "ms_per_step": 1e3 * (work + network),
                "efficiency": work / (work + network),
            }
        )  # fmt: skip
    return found


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--model", default="128x0e", help="hidden irreps")
    made.add_argument("--precision", default="single", choices=["single", "mixed", "double"])
    made.add_argument("--steps", type=int, default=40)
    arguments = made.parse_args()
    if arguments.quick:
        arguments.model, arguments.steps = "8x0e", 11
    results, machine = Results("scaling", arguments), describe()
    files, precision, cores = ready(arguments.model, "water", results.folder), arguments.precision, results.cores()
    about = read_manifest(files.artifact)
    real = 8 if precision == "double" else 4
    exchange = {
        "reach": about.cutoff + SKIN,
        "times": 2 * about.halo.exchanges,  # features there, gradients back
        "bytes_per_ghost": 2 * about.halo.exchanges * about.halo.values_per_ghost * real,
    }
    for case, boxes in (("strong", dict.fromkeys(WEAK, STRONG)), ("weak", WEAK)):
        for ranks, copies in list(boxes.items())[: 2 if arguments.quick else None]:
            steps = arguments.steps if ranks <= cores else 11
            row = results.part(
                lambda c=copies, r=ranks, s=steps: measure(files, c, r, precision, s), [steps], case=case, ranks=ranks,
                model=arguments.model, precision=precision,
            )  # fmt: skip
            first = next(r for r in results.rows if r["case"] == case and r["ranks"] == 1)
            speedup = first["ms_per_step"] / row["ms_per_step"]
            row["efficiency"] = (speedup / ranks if case == "strong" else speedup) if ranks <= cores else None
            row["ghosts_model"] = ghosts(row["domain"], row["atoms"] / ranks / _volume(row), exchange["reach"])
            row["bytes_formula"] = row["ghosts_per_rank"] * exchange["bytes_per_ghost"] if row["ranks"] > 1 else 0.0
    results.rows += extrapolate(results.rows, exchange)
    finish(results, machine, cores)


def _volume(row: Row) -> float:
    x, y, z = row["domain"]
    return x * y * z


def finish(results: Results, machine: Row, cores: int) -> None:
    def timed(row: Row) -> object:
        return row["ms_per_step"] if row["ranks"] is None or row["ranks"] <= cores else None

    results.finish(
        machine,
        [
            ("case", lambda row: row["case"]),
            ("ranks", lambda row: row["ranks"]),
            ("grid", lambda row: row.get("grid")),
            ("atoms per rank", lambda row: row["atoms_per_rank"]),
            ("ghosts per rank", lambda row: row.get("ghosts_per_rank")),
            ("of a uniform liquid", lambda row: row["ghosts_model"]),
            ("messages", lambda row: row["messages"]),
            ("kB sent", lambda row: row["bytes"] / 1e3),
            ("by the formula", lambda row: row["bytes_formula"] / 1e3 if "bytes_formula" in row else None),
            ("ms per step", timed),
            ("efficiency", lambda row: row["efficiency"]),
        ],
        "Water on many ranks, per rank and step",
    )


if __name__ == "__main__":
    main()
