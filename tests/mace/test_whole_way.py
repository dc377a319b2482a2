# SPDX-License-Identifier: MIT
"""From the package's trainer to LAMMPS and OpenMM: 100 steps of dynamics, every frame as the package computes it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openmm
import pytest
from ase import Atoms
from decks import PRESSURE, mlip, run_lammps
from mace.calculators import MACECalculator
from mace_package import Numbers, numbers_of, package_calculator
from openmm_systems import make_context, make_force, make_system, state_of, structure_of
from specimen import ENERGY, FORCE, assert_same
from trained import water_frames

from mlipkit import MLIPCalculator
from mlipkit.export import read_manifest
from mlipkit.interfaces.lammps import write_data

STEPS = 100
DYNAMICS = """
units metal
atom_style atomic
newton {newton}
read_data water.data
{pair}
velocity all create 400 4242 loop geom
fix integrate all nve
timestep 0.00025
compute energies all pe/atom pair
compute stress all stress/atom NULL pair
dump frames all custom 1 frames.dump id xu yu zu fx fy fz c_energies c_stress[*]
dump_modify frames sort id format float %.17g
run {steps}
"""


@pytest.fixture(scope="session")
def artifact(trained_model: Path) -> Path:
    """What the command makes of the trained model."""
    path = trained_model.with_name("model.pt")
    program = Path(sys.executable).parent / "mlip-export"
    command = [str(program), "--from-mace", str(trained_model), "-o", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="session")
def package(trained_model: Path) -> MACECalculator:
    return package_calculator(trained_model)


@pytest.fixture(scope="session")
def water() -> Atoms:
    atoms = water_frames(12)[0]
    atoms.calc = None
    return atoms


def dumped(path: Path, atoms: Atoms) -> Iterator[tuple[Atoms, Numbers]]:
    """Structures and what LAMMPS said about them."""
    lines = path.read_text().splitlines()
    length = 9 + len(atoms)
    assert len(lines) == length * (STEPS + 1)
    for start in range(0, len(lines), length):
        rows = np.loadtxt(lines[start + 9 : start + length])
        frame = atoms.copy()
        frame.positions = rows[:, 1:4]
        virial = -rows[:, 8:].sum(axis=0)[[0, 1, 2, 5, 4, 3]] / PRESSURE["metal"]
        energies = rows[:, 7]
        yield frame, Numbers(float(energies.sum()), energies, rows[:, 4:7], virial)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_dynamics_in_lammps(artifact: Path, package: MACECalculator, water: Atoms, tmp_path: Path, ranks: int) -> None:
    write_data(tmp_path / "water.data", water, ["H", "O"])
    newton = "off" if ranks == 2 else "on"
    deck = DYNAMICS.format(pair=mlip(artifact, "H O"), steps=STEPS, newton=newton)
    finished = run_lammps(tmp_path, deck, ranks)
    assert finished.code == 0, finished.output[-4000:]
    for frame, numbers in dumped(tmp_path / "frames.dump", water):
        assert_same(numbers, numbers_of(package, frame))
    assert moved(frame, water) > 0.1
    assert np.abs(numbers.forces).max() > 1.0


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_dynamics_in_openmm(artifact: Path, package: MACECalculator, water: Atoms, platform: str) -> None:
    integrator = openmm.VerletIntegrator(0.00025)
    context = make_context(make_system(water, make_force(artifact, water)), water, platform, integrator)
    context.setVelocitiesToTemperature(400.0, 4242)
    for _ in range(STEPS + 1):
        state, frame = state_of(context), structure_of(context, water)
        theirs = numbers_of(package, frame)
        assert abs(state.energy - theirs.energy) <= ENERGY * abs(theirs.energy)
        np.testing.assert_allclose(state.forces, theirs.forces, rtol=0, atol=FORCE)
        integrator.step(1)
    assert moved(frame, water) > 0.1


def moved(frame: Atoms, start: Atoms) -> float:
    """Largest displacement, angstrom."""
    return float(np.linalg.norm(frame.positions - start.positions, axis=1).max())


def test_the_training_had_an_effect(artifact: Path) -> None:
    """Forces of the trained model are nearer to the labels than no forces at all."""
    frame = water_frames(12)[3]
    labels = frame.get_forces()
    frame.calc = MLIPCalculator(artifact)
    assert np.abs(frame.get_forces() - labels).mean() < 0.7 * np.abs(labels).mean()


def test_the_artifact_says_where_it_comes_from(artifact: Path) -> None:
    manifest = read_manifest(artifact)
    source = manifest.model_dump()["provenance"]["source"]
    assert source["format"] == "mace-torch"
    assert source["file"] == "water.model"
    assert len(source["sha256"]) == 64
    assert manifest.species == ["H", "O"]
    assert manifest.tasks[0].e0 == {"H": -10.923452, "O": -118.392338}
    assert manifest.default_precision == "double"  # trained in float64
