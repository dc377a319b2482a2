# SPDX-License-Identifier: MIT
"""Barostats against the derivative of the energy by the volume, and constraints under the forces of a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openmm
import pytest
from ase import Atoms
from openmm import app, unit
from openmm_systems import ase_state, water_topology

from mlipkit.openmm import MLIPForce

BAR = 1e5 / 1.602176634e11  # in eV/angstrom^3
COLD = 1e-6  # K: moves that raise E + pV are refused, all others accepted


def molecules_of_water(cases: dict[str, Atoms]) -> Atoms:
    """Whole molecules O H H, with bonds so long that molecules and atoms are under different pressures."""
    atoms = cases["bulk_water"].copy()
    found = []
    for oxygen in np.flatnonzero(atoms.numbers == 8):
        distances = atoms.get_distances(oxygen, range(len(atoms)), mic=True)
        hydrogens = [int(k) for k in np.argsort(distances) if atoms.numbers[k] == 1][:2]
        vectors = atoms.get_distances(oxygen, hydrogens, mic=True, vector=True)
        found += [atoms.positions[oxygen], *(atoms.positions[oxygen] + 1.08 * vectors)]
    return Atoms("OHH" * (len(atoms) // 3), found, cell=atoms.cell, pbc=True)


def stretched(atoms: Atoms, factors: np.ndarray, size: int) -> Atoms:
    """The cell scaled, and the centres of groups of so many atoms with it."""
    result = atoms.copy()
    result.set_cell(atoms.cell.array * factors, scale_atoms=False)
    groups = atoms.positions.reshape(-1, size, 3)
    centres = groups.mean(axis=1, keepdims=True)
    result.positions = (groups + centres * (factors - 1.0)).reshape(-1, 3)
    return result


def pressure(artifact: Path, atoms: Atoms, axes: np.ndarray, size: int, step: float = 1e-5) -> float:
    """-dE/dV in bar, where the given axes change, by differences of ASE's energies."""
    energies, volumes = [], []
    for sign in (1, -1):
        moved = stretched(atoms, 1.0 + sign * step * axes, size)
        energies.append(ase_state(artifact, moved).energy)
        volumes.append(moved.get_volume())
    return -(energies[0] - energies[1]) / (volumes[0] - volumes[1]) / BAR


def volumes(force: MLIPForce, barostat: openmm.Force, atoms: Atoms) -> np.ndarray:
    """Of a System whose particles only the barostat moves."""
    system = openmm.System()
    for _ in range(len(atoms)):
        system.addParticle(0.0)
    system.setDefaultPeriodicBoxVectors(*(atoms.cell.array * 0.1))
    system.addForce(force)
    barostat.setRandomNumberSeed(4)
    system.addForce(barostat)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(atoms.positions * 0.1)
    found = []
    for _ in range(12):
        context.getIntegrator().step(1)
        found.append(context.getState().getPeriodicBoxVolume()._value)
    return np.array(found)


def isotropic(bar: float) -> openmm.Force:
    return openmm.MonteCarloBarostat(bar, COLD, 1)


def along_x(bar: float) -> openmm.Force:
    return openmm.MonteCarloAnisotropicBarostat(openmm.Vec3(bar, bar, bar), COLD, True, False, False, 1)


@pytest.mark.parametrize(
    ("barostat", "axes"), [(isotropic, np.ones(3)), (along_x, np.array([1.0, 0.0, 0.0]))], ids=["isotropic", "x"]
)
@pytest.mark.parametrize("bonds", [True, False])
def test_barostat_finds_the_pressure_of_the_model(
    water_artifact: Path,
    cases: dict[str, Atoms],
    barostat: Callable[[float], openmm.Force],
    axes: np.ndarray,
    bonds: bool,
) -> None:
    """The box shrinks where the pressure is above -dE/dV, and grows below it: that of molecules with the topology's
    bonds, of atoms without."""
    atoms = molecules_of_water(cases)
    inner = pressure(water_artifact, atoms, axes, 3 if bonds else 1)
    assert abs(inner - pressure(water_artifact, atoms, axes, 1 if bonds else 3)) > 0.3 * abs(inner)
    topology = water_topology(len(atoms) // 3)
    topology.setPeriodicBoxVectors(atoms.cell.array * 0.1 * unit.nanometer)
    symbols = {"symbols": atoms.get_chemical_symbols(), "periodic": True}
    for factor in (-0.2, 0.2):
        force = MLIPForce(water_artifact, **({"topology": topology} if bonds else symbols), precision="double")
        found = volumes(force, barostat(inner + factor * abs(inner)), atoms)
        steps = np.diff(np.array([atoms.get_volume() * 1e-3, *found]))
        accepted = steps[np.abs(steps) > 1e-9]
        assert len(accepted) >= 2
        assert np.all(np.sign(accepted) == -np.sign(factor))


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_constraints_hold(water_artifact: Path, cases: dict[str, Atoms], platform: str) -> None:
    atoms = molecules_of_water(cases)
    topology = water_topology(len(atoms) // 3)
    topology.setPeriodicBoxVectors(atoms.cell.array * 0.1 * unit.nanometer)
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*topology.getPeriodicBoxVectors())
    for atom in topology.atoms():
        system.addParticle(atom.element.mass)
    pairs = [(3 * molecule + i, 3 * molecule + j) for molecule in range(len(atoms) // 3) for i, j in [(0, 1), (0, 2)]]
    distances = [0.1 * atoms.get_distance(i, j) for i, j in pairs]
    for (i, j), distance in zip(pairs, distances, strict=True):
        system.addConstraint(i, j, distance)
    system.addForce(MLIPForce(water_artifact, topology=topology))
    integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.0005)
    integrator.setConstraintTolerance(1e-6)
    simulation = app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName(platform))
    simulation.context.setPositions(atoms.positions * 0.1)
    simulation.step(20)
    positions = simulation.context.getState(positions=True).getPositions(asNumpy=True)._value
    found = [np.linalg.norm(positions[i] - positions[j]) for i, j in pairs]
    np.testing.assert_allclose(found, distances, rtol=5e-6)
    assert np.abs(positions - 0.1 * atoms.positions).max() > 1e-3
