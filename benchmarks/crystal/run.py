# SPDX-License-Identifier: MIT
"""Large crystals in LAMMPS: memory of all ranks against what the pair style announces before the first step.

    python benchmarks/crystal/run.py --steps 10

Copper of 1,000,188 atoms with a small model; then the largest crystal of a usual model whose ranks together stay below
a limit, estimated from two smaller ones and then run.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common.decks import run_ranks
from common.machine import describe
from common.models import Files, ready
from common.results import Results, Row, parser
from common.structures import LATTICE

SMALLEST = 4  # cells: what programs and model take without atoms
DECK = """units metal
atom_style atomic
lattice fcc {lattice}
region box block 0 {cells} 0 {cells} 0 {cells}
create_box 1 box
create_atoms 1 box
mass 1 63.546
displace_atoms all random 0.05 0.05 0.05 4928459
pair_style mlip precision single
pair_coeff * * {model} Cu
neighbor 1.0 bin
timestep 0.001
velocity all create 300.0 4928459 loop geom
fix integrate all nve
thermo 1000
log crystal.log
run 0
"""


def crystal(files: Files, cells: int, ranks: int, steps: int) -> Row:
    """Memory of all ranks, GiB: announced, listed by LAMMPS as its own, and the peak."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        deck = DECK.format(lattice=LATTICE, cells=cells, model=files.artifact)
        found = run_ranks(folder, deck, ranks, steps)
        log = (folder / "crystal.log").read_text()
    announced = re.search(r"an evaluation will need (\S+) GiB", log)
    listed = re.search(r"Per MPI rank memory allocation .* = (\S+) \| (\S+) \| (\S+) Mbytes", log)
    assert announced, log
    assert listed, log
    return {
        "atoms": found[0]["all_atoms"],
        "announced_gib": float(announced[1]),
        "lammps_gib": ranks * float(listed[2]) / 1024,
        "peak_gib": sum(rank["peak_mib"] for rank in found) / 1024,
        "wall_s_per_step": found[0]["wall_s_per_step"],
        "temperature": found[0]["temperature"],
    }


def cells_below(limit: float, small: Row, large: Row) -> int:
    """Of the largest cube whose peak, linear in the number of atoms, stays below the limit."""
    slope = (large["peak_gib"] - small["peak_gib"]) / (large["atoms"] - small["atoms"])
    atoms = small["atoms"] + (limit - small["peak_gib"]) / slope
    return int((atoms / 4) ** (1 / 3))


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--model", default="16x0e", help="hidden irreps of the model for the large crystal")
    made.add_argument("--cells", type=int, default=63, help="of four atoms along each edge")
    made.add_argument("--largest", default="128x0e", help="hidden irreps of the model that is taken to the limit")
    made.add_argument("--limit", type=float, default=12.0, help="GiB of all ranks")
    made.add_argument("--ranks", type=int, default=2)
    made.add_argument("--steps", type=int, default=10)
    arguments = made.parse_args()
    sizes = (12, 17)
    if arguments.quick:
        arguments.model = arguments.largest = "8x0e"
        arguments.cells, arguments.limit, arguments.steps, sizes = 8, 1.5, 2, (6, 9)
    results, machine = Results("crystal", arguments), describe(rates=False)
    ranks, steps = arguments.ranks, arguments.steps

    def measured(model: str, cells: int) -> Row:
        files = ready(model, "copper", results.folder)
        row = results.part(lambda: crystal(files, cells, ranks, steps), [ranks, steps], model=model, cells=cells)
        if cells > SMALLEST:
            row["taken_gib"] = row["peak_gib"] - measured(model, SMALLEST)["peak_gib"]
            results.rows.pop()
        return row

    measured(arguments.model, arguments.cells)
    small, large = (measured(arguments.largest, cells) for cells in sizes)
    most = cells_below(arguments.limit, small, large)
    measured(arguments.largest, min(most, 12) if arguments.quick else most)
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    results.finish(
        machine,
        [
            ("model", lambda row: row["model"]),
            ("atoms", lambda row: f"{row['atoms']:,}"),
            ("announced, GiB", lambda row: row["announced_gib"]),
            ("of LAMMPS, GiB", lambda row: row["lammps_gib"]),
            ("taken, GiB", lambda row: row["taken_gib"]),
            ("all ranks at their peak, GiB", lambda row: row["peak_gib"]),
            ("s/step", lambda row: row["wall_s_per_step"]),
        ],
        "Large crystals in LAMMPS",
    )


if __name__ == "__main__":
    main()
