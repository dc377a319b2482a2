# SPDX-License-Identifier: MIT
"""LAMMPS runs of water: decks, flexible molecules beneath the model, and readers of what LAMMPS prints."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from common.process import BENCHMARKS, environment, script
from common.structures import liquid
from mlipkit.interfaces.lammps import find_program, lmp_command, write_data

PLAIN = """units metal
package omp {threads}
atom_style atomic
read_data water.data
replicate {copies}
pair_style mlip {options}
pair_coeff * * {model} H O
neighbor 1.0 bin
timestep 0.00025
velocity all create 300.0 4928459 mom yes rot yes dist gaussian
fix integrate all nve
thermo 1000
run {warmup}
"""

# SPC/Fw water (Wu, Tepper and Voth, J. Chem. Phys. 124, 024503, 2006) holds molecules together: the model has random
# weights. 1e-50 in place of 0 keeps bonded neighbours in the list, as the model needs them.
LIQUID = """units real
package omp {threads}
atom_style full
bond_style harmonic
angle_style harmonic
special_bonds lj/coul 1e-50 1e-50 1e-50
read_data molecules.data
pair_style hybrid/overlay mlip precision {precision} lj/cut/coul/dsf 0.2 6.0
pair_coeff * * mlip {model} H O
pair_coeff 1 1 lj/cut/coul/dsf 0.0 1.0
pair_coeff 1 2 lj/cut/coul/dsf 0.0 1.0
pair_coeff 2 2 lj/cut/coul/dsf 0.1554253 3.165492
bond_coeff 1 529.581 1.012
angle_coeff 1 37.95 113.24
neighbor 1.0 bin
timestep 0.5
velocity all create 300.0 4928459 mom yes rot yes dist gaussian
fix integrate all nvt temp 300.0 300.0 50.0
thermo 1000
run {warmup}
"""


def write_water(folder: Path) -> None:
    """``water.data``, 64 molecules as atoms."""
    write_data(folder / "water.data", liquid(), ["H", "O"])


def write_molecules(folder: Path, atoms: Atoms | None = None) -> None:
    """``molecules.data``: the same with charges, bonds and angles; atoms come as O H H."""
    atoms = liquid() if atoms is None else atoms
    n = len(atoms) // 3
    lines = ["flexible water", "", f"{3 * n} atoms", f"{2 * n} bonds", f"{n} angles", "2 atom types", "1 bond types"]
    lines += [
        "1 angle types",
        "",
        *(f"0.0 {x:.10f} {d}lo {d}hi" for d, x in zip("xyz", np.diag(atoms.cell), strict=True)),
    ]
    lines += ["", "Masses", "", "1 1.008", "2 15.999", "", "Atoms # full", ""]
    for k, (symbol, (x, y, z)) in enumerate(zip(atoms.symbols, atoms.positions, strict=True)):
        kind, charge = (2, -0.82) if symbol == "O" else (1, 0.41)
        lines.append(f"{k + 1} {k // 3 + 1} {kind} {charge} {x:.10f} {y:.10f} {z:.10f}")
    lines += ["", "Bonds", ""]
    lines += [f"{2 * k + h} 1 {3 * k + 1} {3 * k + 1 + h}" for k in range(n) for h in (1, 2)]
    lines += ["", "Angles", ""] + [f"{k + 1} 1 {3 * k + 2} {3 * k + 1} {3 * k + 3}" for k in range(n)]
    (folder / "molecules.data").write_text("\n".join(lines) + "\n")


def run_ranks(folder: Path, deck: str, ranks: int, steps: int, single: bool = False, threads: int = 1) -> list[Any]:
    """What :mod:`common.lammps_rank` found on each rank."""
    (folder / "deck.in").write_text(deck)
    for old in folder.glob("rank*.json"):
        old.unlink()
    launcher = [find_program("mpirun"), "-np", str(ranks)] if ranks > 1 else []
    words = ["deck.in", "--steps", str(steps), "--result", str(folder), *(["--single"] if single else [])]
    script(BENCHMARKS / "common" / "lammps_rank.py", words, threads=threads, launcher=launcher, folder=folder)
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(ranks)]


def run_lammps(folder: Path, deck: str, ranks: int, threads: int = 1) -> str:
    """Runs ``lmp`` as users do; returns its log.

    Raises:
        RuntimeError: it failed; the message holds the end of what it printed.
    """
    (folder / "deck.in").write_text(deck)
    command = [*lmp_command(ranks), "-in", "deck.in", "-log", "deck.log", "-nocite"]
    done = subprocess.run(
        command, cwd=folder, env=environment(threads), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with exit code {done.returncode}:\n{done.stdout[-3000:]}")
    return (folder / "deck.log").read_text()


def breakdown(log: str) -> dict[str, Any]:
    """Of the last run: seconds of the loop, of its sections and of the parts of Pair (averages over ranks), builds."""
    last = log[log.rindex("Loop time of") :]
    loop = re.match(r"Loop time of (\S+) on (\d+) procs for (\d+) steps with (\d+) atoms", last)
    assert loop
    rows = re.findall(r"^(\w+)\s*\|\s*([\d.e+-]*)\s*\|\s*([\d.e+-]+)\s*\|", last, re.MULTILINE)
    builds = re.search(r"^Neighbor list builds = (\d+)", last, re.MULTILINE)
    ghosts = re.search(r"^Nghost:\s+([\d.]+) ave", last, re.MULTILINE)
    parts = re.search(r"^Pair style mlip, seconds of a rank.*: (.*)$", last, re.MULTILINE)
    return {
        "loop_s": float(loop.group(1)),
        "steps": int(loop.group(3)),
        "atoms": int(loop.group(4)),
        "sections_s": {name.lower(): float(average) for name, _, average in rows},
        "pair_s": {
            name: float(seconds) for name, seconds in re.findall(r"(\w+) ([\d.e+-]+)", parts.group(1) if parts else "")
        },
        "neighbour_builds": int(builds.group(1)) if builds else 0,
        "ghosts_per_rank": float(ghosts.group(1)) if ghosts else 0.0,
    }
