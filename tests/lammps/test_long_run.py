# SPDX-License-Identifier: MIT
"""Ten thousand steps at constant pressure on two ranks: atoms change owners, memory stays, pressures are ASE's.

Slow: trains a model of liquid water for a minute first. ``make test-slow``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import ase.io
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.data import atomic_numbers
from decks import PRESSURE, mlip, run_lammps
from numpy.typing import NDArray
from reference import ase_state

from mlipkit.interfaces.lammps import write_data

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
ELEMENTS = ["H", "O"]
STEPS, EVERY = 10_000, 500
DECK = """
units metal
read_data water.data
{pair}
velocity all create 300 4242 loop geom
neighbor 1.0 bin
neigh_modify delay 0 every 1 check yes
timestep 0.0005
compute virial all pressure NULL virial
compute rank all property/atom proc
dump frames all custom {every} frames.dump id type x y z c_rank
dump_modify frames sort id format float %.17g
thermo {every}
thermo_style custom step temp press vol c_virial[1]
fix row all print {every} "$(step) $(lx:%.17g) $(ly:%.17g) $(lz:%.17g) $(c_virial[1]:%.17g) $(c_virial[2]:%.17g) &
$(c_virial[3]:%.17g) $(c_virial[4]:%.17g) $(c_virial[5]:%.17g) $(c_virial[6]:%.17g)" file rows.txt screen no title ""
fix integrate all npt temp 300 300 0.1 iso 1 1 1
run {steps}
"""


@dataclass
class Resident:
    """Resident memory of every LAMMPS process, MiB, once a second."""

    series: dict[int, list[float]] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self.done.wait(1.0):
            for status in Path("/proc").glob("[0-9]*/status"):
                try:
                    text = status.read_text()
                except OSError:  # it ended
                    continue
                found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
                if found and re.match(r"Name:\s+lmp$", text.split("\n")[0]):
                    self.series.setdefault(int(status.parent.name), []).append(int(found[1]) / 1024)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    content = yaml.safe_load((EXAMPLES / "demo/train.yaml").read_text())
    for entry in content["data"]["train"]:
        entry["path"] = str((EXAMPLES / "demo" / entry["path"]).resolve())
    content.update(output=str(folder / "run"), max_minutes=1.0)
    (folder / "train.yaml").write_text(yaml.safe_dump(content))
    programs = Path(sys.executable).parent
    subprocess.run([programs / "mlip-train", folder / "train.yaml"], check=True)
    subprocess.run([programs / "mlip-export", folder / "run/best.ckpt", "-o", folder / "water.pt"], check=True)
    return folder / "water.pt"


@pytest.fixture(scope="module")
def start() -> Atoms:
    return ase.io.read(EXAMPLES / "water/water_64.extxyz.xz", index=0)


@pytest.fixture(scope="module")
def run(artifact: Path, start: Atoms, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Resident]:
    folder = tmp_path_factory.mktemp("long")
    write_data(folder / "water.data", start, ELEMENTS)
    resident = Resident()
    thread = threading.Thread(target=resident.watch)
    thread.start()
    try:
        deck = DECK.format(pair=mlip(artifact), steps=STEPS, every=EVERY)
        finished = run_lammps(folder, deck, ranks=2, timeout=3000)
    finally:
        resident.done.set()
        thread.join()
    assert finished.code == 0, finished.output[-3000:]
    return folder, resident


def frames(folder: Path, n_atoms: int) -> NDArray[np.float64]:
    """[frames, N, 6]: id type x y z rank."""
    rows = [line.split() for line in (folder / "frames.dump").read_text().splitlines()]
    numbers = [row for row in rows if len(row) == 6 and row[0] != "ITEM:"]
    return np.array(numbers, dtype=float).reshape(-1, n_atoms, 6)


def test_memory_stays(run: tuple[Path, Resident]) -> None:
    series = [values for values in run[1].series.values() if len(values) > 20 and max(values) > 80.0]  # not launchers
    assert len(series) == 2
    for values in series:
        early, late = max(values[: len(values) // 4]), max(values)
        assert late < early + 8.0, f"MiB: {early} in the first quarter, {late} later"


def test_atoms_change_owners_and_pressures_are_those_of_ase(
    run: tuple[Path, Resident], artifact: Path, start: Atoms
) -> None:
    found = frames(run[0], len(start))
    assert len(found) == STEPS // EVERY + 1
    changes = (found[1:, :, 5] != found[:-1, :, 5]).sum()
    assert changes > 100
    rows = np.loadtxt(run[0] / "rows.txt", ndmin=2)
    by_step = {int(row[0]): row[1:] for row in rows}
    worst, size = 0.0, 0.0
    for k in range(1, len(found)):
        box, pressure = by_step[k * EVERY][:3], by_step[k * EVERY][3:]
        numbers = [atomic_numbers[ELEMENTS[int(kind) - 1]] for kind in found[k, :, 1]]
        state = ase_state(artifact, Atoms(numbers, found[k, :, 2:5], cell=box, pbc=True))
        wanted = state.virial / np.prod(box) * PRESSURE["metal"]
        worst, size = max(worst, np.abs(pressure - wanted).max()), max(size, np.abs(wanted).max())
    assert k == 20
    assert worst < 1e-7 * size
    volumes = rows[:, 1] * rows[:, 2] * rows[:, 3]
    assert 0.5 < volumes.min() / start.get_volume() < volumes.max() / start.get_volume() < 1.5
    assert volumes.std() > 0
