# SPDX-License-Identifier: MIT
"""Start configurations: molecules on a grid, then a short run of a classical flexible water in OpenMM."""

import numpy as np
import openmm as mm
from ase import Atoms, units

WATER = [[0.0, 0.0, 0.0], [0.7572, 0.5865, 0.0], [-0.7572, 0.5865, 0.0]]
SHAPES = {  # rows are cell vectors; scaled to the wanted volume
    "cubic": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "box": [[1.12, 0, 0], [0, 1, 0], [0, 0, 0.9]],
    "sheared": [[1, 0, 0], [0.25, 1, 0], [0.15, -0.2, 1]],
    "skew": [[1.05, 0, 0], [-0.3, 1, 0], [0.2, 0.3, 0.97]],
}


def density_of(atoms):
    """Mass density in g/cm3."""
    return atoms.get_masses().sum() * units._amu * 1e27 / atoms.get_volume()


def molecules_on_grid(molecules, density, shape, rng):
    """Randomly turned molecules on a grid that fills the cell."""
    volume = molecules * 18.015 * units._amu * 1e27 / density
    rows = np.array(SHAPES[shape], float)
    cell = (rows * (volume / np.linalg.det(rows)) ** (1 / 3)).round(6)
    side = int(np.ceil(molecules ** (1 / 3)))
    grid = np.array(list(np.ndindex(side, side, side))) / side
    atoms = Atoms(cell=cell, pbc=True)
    for point in grid[rng.permutation(len(grid))[:molecules]]:
        molecule = Atoms("OH2", positions=WATER)
        molecule.rotate(rng.uniform(0, 360), rng.normal(size=3))
        molecule.translate(point @ cell)
        atoms += molecule
    return atoms


def classical_start(molecules, density, shape, temperature, seed):
    """20 ps of a flexible SPC-like water (OpenMM), its bond and angle set near those of GFN1-xTB."""
    rng = np.random.default_rng(seed)
    atoms = molecules_on_grid(molecules, density, shape, rng)
    system, bonds, angles, pairs = mm.System(), mm.HarmonicBondForce(), mm.HarmonicAngleForce(), mm.NonbondedForce()
    system.setDefaultPeriodicBoxVectors(*(atoms.cell.array / 10))
    for i in range(0, len(atoms), 3):
        for mass, charge, sigma, epsilon in ((15.999, -0.82, 0.31655, 0.65017), *[(1.008, 0.41, 0.1, 0.0)] * 2):
            system.addParticle(mass)
            pairs.addParticle(charge, sigma, epsilon)
        bonds.addBond(i, i + 1, 0.0960, 443153.0)
        bonds.addBond(i, i + 2, 0.0960, 443153.0)
        angles.addAngle(i + 1, i, i + 2, np.radians(111.0), 317.57)
        for j, k in ((0, 1), (0, 2), (1, 2)):
            pairs.addException(i + j, i + k, 0.0, 0.1, 0.0)
    pairs.setNonbondedMethod(mm.NonbondedForce.PME)
    pairs.setCutoffDistance(min(0.9, 0.048 * np.diag(atoms.cell.array).min()))
    for force in (bonds, angles, pairs):
        system.addForce(force)
    integrator = mm.LangevinMiddleIntegrator(temperature, 2.0, 0.001)
    integrator.setRandomNumberSeed(int(rng.integers(1, 2**31)))
    platform = mm.Platform.getPlatformByName("CPU")
    context = mm.Context(system, integrator, platform, {"Threads": "1", "DeterministicForces": "true"})
    context.setPositions(atoms.positions / 10)
    mm.LocalEnergyMinimizer.minimize(context, maxIterations=200)
    context.setVelocitiesToTemperature(temperature, int(rng.integers(1, 2**31)))
    integrator.step(20000)
    state = context.getState(getPositions=True, getVelocities=True)
    atoms.positions = 10 * state.getPositions(asNumpy=True)._value
    atoms.set_velocities(state.getVelocities(asNumpy=True)._value * 10 / (1000 * units.fs))
    return atoms
