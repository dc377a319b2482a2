# SPDX-License-Identifier: MIT
"""LAMMPS runs for the tests: pieces of input decks, the processes that run them, and readers of what they leave."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from mlipkit.interfaces.lammps import boundary, lmp_command, write_data

PRESSURE = {"metal": 1.6021765e6, "real": 68568.415}  # nktv2p of LAMMPS: energy per volume to its pressure unit
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


@dataclass
class State:
    """Energy, forces and virial of a structure, in the host's energy unit and angstrom."""

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
    processors: str = "* * *"
    pair: str = ""  # pair_style and pair_coeff commands
    more: str = ""  # commands between the pair style and the run

    def deck(self, folder: Path) -> str:
        """Writes the data file and returns the commands; they begin with ``clear``."""
        write_data(folder / f"{self.name}.data", self.atoms, self.elements)
        return "\n".join(
            [
                "clear",
                f"units {self.units}",
                "atom_style atomic",
                f"newton {self.newton}",
                f"boundary {boundary(self.atoms)}",
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
    folder: Path, deck: str, ranks: int = 1, timeout: float = 300.0, program: Path | None = None
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
    command = [*start, "-in", "deck.in", "-log", "deck.log"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.terminate()  # mpirun takes its ranks with it; a killed one would not
            raise
    return Finished(process.returncode, output)


def evaluate(folder: Path, settings: list[Setting], ranks: int = 1, program: Path | None = None) -> dict[str, State]:
    """All settings in one LAMMPS process (per rank), one after another."""
    deck = "\n".join(setting.deck(folder) for setting in settings)
    finished = run_lammps(folder, deck, ranks, program=program)
    assert finished.code == 0, finished.output[-4000:]
    return {setting.name: setting.read(folder) for setting in settings}
