# SPDX-License-Identifier: MIT
"""Small LAMMPS runs of the doctor: input decks, how they are started, and what they print."""

from __future__ import annotations

import re
from pathlib import Path

from mlipkit.doctor.environment import Environment
from mlipkit.doctor.process import Outcome, run
from mlipkit.doctor.ten_atoms import TenAtoms, Vectors

SECONDS = 60.0
RANKS = "mlip-doctor ranks"
BOX = f"""units metal
region box block 0 1 0 1 0 1
create_box 1 box
print "{RANKS} $(extract_setting(world_size))"
"""
MARGIN = 1.0  # angstrom around the atoms
# Of LAMMPS, of the dynamic loader, and of an MPI library that another MPI's launcher has started.
MARKS = ("ERROR", "Open of file", "error while loading", "undefined symbol", "invalid ELF", "too short", "PMI version")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def run_deck(
    environment: Environment, lmp: Path, deck: str, folder: Path, launcher: Path | None = None, ranks: int = 1
) -> Outcome:
    """Runs a deck in ``folder``, through ``launcher`` when there are several ranks."""
    (folder / "deck.in").write_text(deck)
    start: list[str | Path] = (
        [] if launcher is None else [launcher, *_oversubscribe(environment, launcher), "-np", str(ranks)]
    )
    command = [*start, lmp, "-in", "deck.in", "-log", "none"]
    # Open MPI refuses to run as root without the last two; other launchers do not know them.
    more = {"OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return run(command, {**environment.variables, **more}, SECONDS, folder)


def implementation(environment: Environment, launcher: Path) -> str:
    """Which MPI a launcher belongs to, with its version: ``MPICH 5.0.2``."""
    outcome = run([launcher, "--version"], environment.variables, 20.0)
    version = re.search(r"(?:Version:?|\(Open MPI\)|\(OpenRTE\))\s+(\S+)", outcome.output)
    number = version.group(1) if version else ""
    for name, mark in (("Open MPI", "Open MPI"), ("Open MPI", "OpenRTE"), ("Intel MPI", "Intel"), ("MPICH", "HYDRA")):
        if mark in outcome.output:
            return f"{name} {number}".strip()
    return outcome.last_line()[:60] if outcome.good else f"unknown ({outcome.why()})"


def _oversubscribe(environment: Environment, launcher: Path) -> list[str]:
    """Two ranks must also start where Open MPI counts a single core."""
    return ["--oversubscribe"] if implementation(environment, launcher).startswith("Open MPI") else []


def world_sizes(output: str) -> list[int]:
    """What each independent LAMMPS in the output took for the number of ranks: ``[2]`` is right, ``[1, 1]`` wrong."""
    return [int(number) for number in re.findall(rf"^{RANKS} (\d+)$", output, re.MULTILINE)]


def lammps_version(output: str) -> tuple[str, str] | None:
    """Date as LAMMPS prints it, and as the number that plugins compare: ``("22 Jul 2025", "20250722")``."""
    found = re.search(r"(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})", output)
    if found is None or found.group(2) not in MONTHS:
        return None
    day, month, year = int(found.group(1)), MONTHS.index(found.group(2)) + 1, found.group(3)
    return found.group(0), f"{year}{month:02d}{day:02d}"


def trouble(outcome: Outcome) -> str:
    """The lines of a failed run that say why."""
    lines = [line.strip() for line in outcome.output.splitlines()]
    told = [line for line in lines if any(mark in line for mark in MARKS)]
    if outcome.timed_out or not told:
        return outcome.why()
    return "; ".join(dict.fromkeys(told))


def atoms_deck(atoms: TenAtoms) -> str:
    """Ten atoms in open space; energy and forces go into ``energy.txt`` and ``forces.dump``."""
    species = atoms.species
    low = [min(position[axis] for position in atoms.positions) - MARGIN for axis in range(3)]
    high = [max(position[axis] for position in atoms.positions) + MARGIN for axis in range(3)]
    box = " ".join(f"{a:.17g} {b:.17g}" for a, b in zip(low, high, strict=True))
    lines = ["units metal", "atom_style atomic", "boundary f f f", f"region box block {box}"]
    lines.append(f"create_box {len(species)} box")
    for symbol, position in zip(atoms.symbols, atoms.positions, strict=True):
        place = " ".join(f"{value:.17g}" for value in position)
        lines.append(f"create_atoms {species.index(symbol) + 1} single {place}")
    lines += [f"mass {number} {atoms.masses[symbol]:.6f}" for number, symbol in enumerate(species, start=1)]
    options = f"precision {atoms.precision}"
    options += f" task {atoms.task}" if atoms.task else ""
    for keyword, name in (("charge", "total_charge"), ("spin", "spin_multiplicity")):
        options += f" {keyword} {atoms.conditions[name]:g}" if name in atoms.conditions else ""
    lines += [f"pair_style mlip {options}", f'pair_coeff * * "{atoms.model}" {" ".join(species)}']
    lines += ["dump forces all custom 1 forces.dump fx fy fz", "dump_modify forces sort id format float %.17g"]
    lines += ["run 0 post no", 'print "$(pe:%.17g)" file energy.txt']
    return "\n".join(lines) + "\n"


def read_atoms(folder: Path) -> tuple[float, Vectors]:
    """Energy (eV) and forces [10, 3] (eV/angstrom) that the deck left."""
    rows = (folder / "forces.dump").read_text().splitlines()[9:]
    return float((folder / "energy.txt").read_text()), [[float(word) for word in row.split()] for row in rows]
