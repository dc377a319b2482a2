# SPDX-License-Identifier: MIT
"""LAMMPS runs for the tests: pieces of input decks, the processes that run them, and readers of what they leave."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipkit.interfaces.lammps import boundary, lmp_command, write_data

# nktv2p of LAMMPS: energy per volume to its pressure unit
PRESSURE = {"metal": 1.6021765e6, "real": 68568.415, "electron": 2.94210108e13}
BOHR = 0.529177210544  # angstrom, CODATA 2022
LENGTH = {"metal": 1.0, "real": 1.0, "electron": BOHR}  # angstrom
OUTPUT = """
compute energies all pe/atom pair
compute stress all stress/atom NULL pair
compute pressure all pressure NULL virial
thermo_style custom step pe c_pressure[1]
dump atoms all custom 1 {name}.dump id fx fy fz c_energies c_stress[*]
dump_modify atoms sort id format float %.17g
run 0 post no
undump atoms
print "$(pe:%.17g) $(vol:%.17g) $(c_pressure[1]:%.17g) $(c_pressure[2]:%.17g) $(c_pressure[3]:%.17g) &
$(c_pressure[4]:%.17g) $(c_pressure[5]:%.17g) $(c_pressure[6]:%.17g)" file {name}.txt screen no
"""


def in_units(atoms: Atoms, units: str) -> Atoms:
    """The structure with lengths as LAMMPS reads them."""
    length = LENGTH[units]
    return Atoms(atoms.symbols, atoms.positions / length, cell=atoms.cell.array / length, pbc=atoms.pbc)


@dataclass
class State:
    """Energy, forces and virial of a structure, in the host's units of energy and length."""

    energy: float
    forces: NDArray[np.float64]  # [N, 3]
    virial: NDArray[np.float64]  # [6] xx yy zz xy xz yz
    energies: NDArray[np.float64]  # [N]
    virials: NDArray[np.float64]  # [N, 6]


@dataclass
class Setting:
    """One evaluation: which structure and model, and how LAMMPS is set up."""

    name: str
    atoms: Atoms
    elements: list[str] = field(default_factory=lambda: ["H", "O"])
    units: str = "metal"
    newton: str = "on"
    boundary: str = ""  # empty: periodic as the atoms are, `f` elsewhere
    processors: str = "* * *"
    pair: str = ""  # pair_style and pair_coeff commands
    more: str = ""  # commands between the pair style and the run

    def deck(self, folder: Path) -> str:
        """Writes the data file and returns the commands; they begin with ``clear``."""
        write_data(folder / f"{self.name}.data", in_units(self.atoms, self.units), self.elements)
        return "\n".join(
            [
                "clear",
                f"units {self.units}",
                "atom_style atomic",
                f"newton {self.newton}",
                f"boundary {self.boundary or boundary(self.atoms)}",
                f"processors {self.processors}",
                f"read_data {self.name}.data",
                self.pair,
                self.more,
                OUTPUT.format(name=self.name),
            ]
        )

    def read(self, folder: Path) -> State:
        """What the run left in ``folder``."""
        energy, volume, *pressure = (float(word) for word in (folder / f"{self.name}.txt").read_text().split())
        rows = np.loadtxt(folder / f"{self.name}.dump", skiprows=9, ndmin=2)
        unit = PRESSURE[self.units]
        virial = np.array(pressure) * volume / unit
        return State(energy, rows[:, 1:4], virial, rows[:, 4], -rows[:, 5:] / unit)


def mlip(model: Path, elements: str = "H O", options: str = "precision double") -> str:
    """The two commands of the pair style."""
    return f"pair_style mlip {options}\npair_coeff * * {model} {elements}"


@dataclass
class Finished:
    code: int
    output: str


def run_lammps(
    folder: Path,
    deck: str,
    ranks: int = 1,
    timeout: float = 300.0,
    options: Sequence[str] = ("-log", "deck.log"),
    program: Path | None = None,
) -> Finished:
    """Runs a deck; raises ``subprocess.TimeoutExpired`` when a rank hangs. No variable points to the plugin.

    ``program`` is another LAMMPS than that of this environment.
    """
    environment = {key: value for key, value in os.environ.items() if key != "LAMMPS_PLUGIN_PATH"}
    environment["OMP_NUM_THREADS"] = "1"
    (folder / "deck.in").write_text(deck + "\n")
    start = lmp_command(ranks)
    if program is not None:
        start[-1] = str(program)
    command = [*start, "-in", "deck.in", *options]
    with subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()  # mpirun takes its ranks with it; a killed one would not
            raise
    return Finished(process.returncode, output)


def refused(folder: Path, deck: str, timeout: float = 60.0) -> str:
    """Runs the deck, which must fail on both of two ranks with one message; returns that message."""
    finished = run_lammps(folder, deck, ranks=2, timeout=timeout)
    assert finished.code != 0, finished.output[-2000:]
    messages = re.findall(r"^ERROR.*$", finished.output, re.MULTILINE)
    assert len(messages) == 1, finished.output[-2000:]
    return messages[0]


def evaluate(folder: Path, settings: list[Setting], ranks: int = 1, program: Path | None = None) -> dict[str, State]:
    """All settings in one LAMMPS process (per rank), one after another."""
    deck = "\n".join(setting.deck(folder) for setting in settings)
    finished = run_lammps(folder, deck, ranks, program=program)
    assert finished.code == 0, finished.output[-4000:]
    return {setting.name: setting.read(folder) for setting in settings}


SNAPSHOT = """
compute now all pressure NULL virial
thermo_style custom step pe c_now[1]
dump now all custom 1 {name}.dump id type x y z fx fy fz
dump_modify now sort id format float %.17g
run 0 post no
undump now
print "$(pe:%.17g) $(lx:%.17g) $(ly:%.17g) $(lz:%.17g) $(xy:%.17g) $(xz:%.17g) $(yz:%.17g) &
$(c_now[1]:%.17g) $(c_now[2]:%.17g) $(c_now[3]:%.17g) $(c_now[4]:%.17g) $(c_now[5]:%.17g) $(c_now[6]:%.17g)" &
file {name}.txt screen no
thermo_style one
uncompute now
"""


@dataclass
class Snapshot:
    """A state of a simulation that went on, in metal units."""

    atoms: Atoms
    tags: NDArray[np.int64]
    energy: float
    forces: NDArray[np.float64]  # [N, 3]
    virial: NDArray[np.float64]  # [6] xx yy zz xy xz yz


def snapshot(name: str) -> str:
    """Commands, in units metal, that leave the current state for ``read_snapshot``."""
    return SNAPSHOT.format(name=name)


def read_snapshot(folder: Path, name: str, elements: Sequence[str], pbc: bool | Sequence[bool] = True) -> Snapshot:
    energy, lx, ly, lz, xy, xz, yz, *pressure = (float(word) for word in (folder / f"{name}.txt").read_text().split())
    rows = np.loadtxt(folder / f"{name}.dump", skiprows=9, ndmin=2)
    symbols = [elements[int(number) - 1] for number in rows[:, 1]]
    atoms = Atoms(symbols, rows[:, 2:5], cell=[[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]], pbc=pbc)
    virial = np.array(pressure) * lx * ly * lz / PRESSURE["metal"]
    return Snapshot(atoms, rows[:, 0].astype(int), energy, rows[:, 5:], virial)
