# SPDX-License-Identifier: MIT
"""Motion on two ranks: atoms change owner, lists are rebuilt, cells deform, and the model stays the one ASE knows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from decks import mlip, run_lammps
from numpy.typing import NDArray
from reference import ase_state

from mlipkit.interfaces.lammps import write_data

START = """
clear
units metal
atom_style atomic
newton {newton}
read_data {data}
{pair}
velocity all create 300 4242 loop geom
thermo_modify format float %.15g
"""
# Positions, forces and box of the current step; `pe` is that of the run before.
SNAPSHOT = """
dump last all custom 1 {name}.dump id x y z fx fy fz
dump_modify last sort id format float %.17g
run 0 post no
undump last
print "$(pe:%.17g) $(lx:%.17g) $(ly:%.17g) $(lz:%.17g) $(xy:%.17g) $(xz:%.17g) $(yz:%.17g)" file {name}.txt screen no
"""
ENERGIES = """
variable total equal etotal
variable total_text format total %.15g
fix energies all print 1 "${{total_text}}" file {name}.energies screen no title ""
"""
NVE = """
timestep {step}
neighbor 0.5 bin
neigh_modify delay 0 every 1 check yes
fix integrate all nve
run {steps} post no
"""
MINIMISE = """
thermo_style custom step pe
run 0 post no
print "$(pe:%.17g)" file minimum.before screen no
minimize 0 0 6 20
"""
NPT = """
timestep 0.0002
fix integrate all npt temp 300 300 0.05 tri 5000 5000 0.02
run 30 post no
unfix integrate
"""
RERUN = """
fix integrate all nve
timestep 0.0002
dump frames all custom 5 frames.dump id x y z
dump_modify frames sort id format float %.17g
variable energy equal pe
variable energy_text format energy %.17g
fix energies all print 5 "${energy_text}" file forward.energies screen no title ""
run 20 post no
unfix energies
unfix integrate
undump frames
fix energies all print 5 "${energy_text}" file again.energies screen no title ""
rerun frames.dump first 5 dump x y z
"""
RESPA = """
velocity all create 300 4242 loop geom
compute energies all pe/atom
compute kinetic all ke/atom
compute virials all centroid/stress/atom NULL virial
compute flux all heat/flux kinetic energies virials
thermo_style custom step pe pxx pyy pzz pxy pxz pyz c_flux[1] c_flux[4]
run 0 post no
print "{seen}" file verlet.txt screen no
run_style respa 2 2 pair 2
run 0 post no
print "{seen}" file respa.txt screen no
""".replace("{seen}", " ".join(f"$({name}:%.17g)" for name in ["pe", "pxx", "pyy", "pxy", "c_flux[1]", "c_flux[4]"]))


@pytest.fixture(scope="module")
def folder(cases: dict[str, Atoms], water_artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything in one job of two ranks; the tests read its files."""
    place = tmp_path_factory.mktemp("dynamics")
    for name in ("bulk_water", "triclinic"):
        write_data(place / f"{name}.data", cases[name], ["H", "O"])

    def start(data: str, newton: str = "on") -> str:
        return START.format(data=f"{data}.data", newton=newton, pair=mlip(water_artifact))

    deck = ""
    for name, step, steps in (("coarse", 0.0002, 50), ("fine", 0.0001, 100)):
        deck += start("bulk_water") + ENERGIES.format(name=name) + NVE.format(step=step, steps=steps)
    deck += SNAPSHOT.format(name="nve")
    deck += start("bulk_water", "off") + MINIMISE + SNAPSHOT.format(name="minimum")
    deck += start("triclinic") + NPT + SNAPSHOT.format(name="npt")
    deck += start("bulk_water") + RERUN
    deck += start("triclinic") + RESPA
    finished = run_lammps(place, deck, ranks=2)
    assert finished.code == 0, finished.output[-4000:]
    return place


def numbers(path: Path) -> NDArray[np.float64]:
    return np.array(path.read_text().split(), dtype=float)


def assert_last_step_is_what_ase_gives(folder: Path, name: str, atoms: Atoms, artifact: Path) -> Atoms:
    """Compares energy and forces at the end of a run; returns the structure there."""
    energy, lx, ly, lz, xy, xz, yz = numbers(folder / f"{name}.txt")
    rows = np.loadtxt(folder / f"{name}.dump", skiprows=9)
    final = atoms.copy()
    final.set_cell([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]])
    final.positions = rows[:, 1:4]
    reference = ase_state(artifact, final)
    assert abs(energy - reference.energy) < 1e-9 * abs(reference.energy)
    np.testing.assert_allclose(rows[:, 4:], reference.forces, rtol=0, atol=1e-8)
    return final


def test_energy_is_conserved(folder: Path) -> None:
    """Velocity Verlet: the fluctuation of the total energy falls with the square of the step."""
    coarse, fine = numbers(folder / "coarse.energies"), numbers(folder / "fine.energies")[::2]
    n = min(len(coarse), len(fine))
    assert n >= 50
    fluctuation = [np.std(series[:n] - series[0]) for series in (coarse, fine)]
    assert fluctuation[0] < 0.05  # eV, 72 atoms that start far from equilibrium
    assert 3.5 < fluctuation[0] / fluctuation[1] < 4.5


def test_after_motion_ase_gives_the_same(folder: Path, cases: dict[str, Atoms], water_artifact: Path) -> None:
    final = assert_last_step_is_what_ase_gives(folder, "nve", cases["bulk_water"], water_artifact)
    moved = np.linalg.norm(final.positions - cases["bulk_water"].positions, axis=1)
    assert moved.max() > 0.5  # beyond half the skin: the lists were rebuilt


def test_minimize_lowers_the_energy(folder: Path, cases: dict[str, Atoms], water_artifact: Path) -> None:
    final = assert_last_step_is_what_ase_gives(folder, "minimum", cases["bulk_water"], water_artifact)
    before, after = ase_state(water_artifact, cases["bulk_water"]), ase_state(water_artifact, final)
    assert numbers(folder / "minimum.before")[0] == pytest.approx(before.energy, rel=1e-12)
    assert after.energy < before.energy - 0.5


def test_npt_with_a_triclinic_cell(folder: Path, cases: dict[str, Atoms], water_artifact: Path) -> None:
    final = assert_last_step_is_what_ase_gives(folder, "npt", cases["triclinic"], water_artifact)
    change = np.abs(final.cell.array - cases["triclinic"].cell.array)
    assert np.all(change[np.tril_indices(3)] > 1e-5)
    assert change.max() > 0.05


def test_rerun_gives_the_energies_again(folder: Path) -> None:
    forward, again = numbers(folder / "forward.energies"), numbers(folder / "again.energies")
    assert len(forward) == 5
    np.testing.assert_allclose(again, forward[-len(again) :], rtol=1e-12)
    assert len(again) >= 4
    assert np.ptp(again) > 0.01


def test_respa_sees_the_same_virial(folder: Path) -> None:
    """Under r-RESPA LAMMPS takes no virial from forces and positions: the style must tally its own."""
    verlet = numbers(folder / "verlet.txt")
    assert np.abs(verlet).min() > 1e-6
    np.testing.assert_allclose(numbers(folder / "respa.txt"), verlet, rtol=1e-10)


def test_time_of_a_run_is_split(folder: Path) -> None:
    """Of runs of more than ten steps, also where LAMMPS prints no breakdown; about the time of the loop."""
    log = (folder / "deck.log").read_text()
    lines = re.findall(r"^Pair style mlip, seconds of a rank in (\d+) evaluations: (.*)$", log, re.MULTILINE)
    loops = re.findall(r"^Loop time of ([\d.e+-]+) on 2 procs for (\d+) steps", log, re.MULTILINE)
    long = [(float(seconds), int(steps)) for seconds, steps in loops if int(steps) > 20]
    assert len(lines) >= len(long) >= 3
    assert [int(evaluations) for evaluations, _ in lines[:2]] == [51, 101]  # one before the first step
    for (evaluations, parts), (loop, steps) in zip(lines[:2], long[:2], strict=True):
        seconds = {name: float(value) for name, value in re.findall(r"(\w+) ([\d.e+-]+)", parts)}
        assert list(seconds) == ["pairs", "model", "halo", "forces"]
        assert int(evaluations) == steps + 1
        assert all(value > 0 for value in seconds.values())
        assert 0.3 * loop < sum(seconds.values()) < 2.0 * loop
