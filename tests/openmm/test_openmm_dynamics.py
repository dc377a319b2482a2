# SPDX-License-Identifier: MIT
"""Motion: energy is conserved, lists are rebuilt, boxes change, and the model stays the one ASE knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openmm
import pytest
from ase import Atoms
from openmm_systems import (
    EV,
    PLATFORMS,
    State,
    ase_state,
    assert_same,
    make_context,
    make_force,
    make_system,
    state_of,
    structure_of,
)


def spread(state: State, site: int, weights: dict[int, float]) -> State:
    """The state with the force on a virtual site also on the particles that define it, as OpenMM reports it."""
    for particle, weight in weights.items():
        state.forces[particle] += weight * state.forces[site]
    return state


def total_energies(artifact: Path, atoms: Atoms, platform: str, step: float, steps: int) -> tuple[list[float], Atoms]:
    """Total energy (eV) after each of the steps (ps), and the last structure."""
    integrator = openmm.VerletIntegrator(step)
    context = make_context(make_system(atoms, make_force(artifact, atoms)), atoms, platform, integrator)
    context.setVelocitiesToTemperature(300.0, 4242)
    energies = []
    for _ in range(steps):
        integrator.step(1)
        state = context.getState(energy=True)
        energies.append((state.getPotentialEnergy() + state.getKineticEnergy())._value / EV)
    return energies, structure_of(context, atoms)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_energy_is_conserved(water_artifact: Path, cases: dict[str, Atoms], platform: str) -> None:
    """Verlet: the fluctuation of the total energy falls with the square of the step."""
    atoms = cases["bulk_water"]
    coarse, _ = total_energies(water_artifact, atoms, platform, 0.0002, 30)
    fine, last = total_energies(water_artifact, atoms, platform, 0.0001, 60)
    fluctuation = [np.std(coarse), np.std(fine[1::2])]
    assert fluctuation[0] < 0.05  # eV, 72 atoms that start far from equilibrium
    assert 3.5 < fluctuation[0] / fluctuation[1] < 4.5
    assert np.linalg.norm(last.positions - atoms.positions, axis=1).max() > 0.1


def test_after_motion_ase_gives_the_same(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["triclinic"]
    integrator = openmm.LangevinMiddleIntegrator(600.0, 5.0, 0.0003)
    integrator.setRandomNumberSeed(7)
    context = make_context(make_system(atoms, make_force(water_artifact, atoms)), atoms, "CPU", integrator)
    for _ in range(4):
        integrator.step(20)
        last = structure_of(context, atoms)
        assert_same(state_of(context), ase_state(water_artifact, last))
    moved = np.linalg.norm(last.positions - atoms.positions, axis=1)
    assert moved.max() > 0.5  # beyond half the skin: the lists were rebuilt


@pytest.mark.parametrize("platform", PLATFORMS)
def test_minimizer_lowers_the_energy(water_artifact: Path, cases: dict[str, Atoms], platform: str) -> None:
    atoms = cases["bulk_water"]
    context = make_context(make_system(atoms, make_force(water_artifact, atoms)), atoms, platform)
    before = state_of(context)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=20)
    after = state_of(context)
    assert after.energy < before.energy - 0.5
    assert_same(after, ase_state(water_artifact, structure_of(context, atoms)))


@pytest.mark.parametrize(
    "barostat",
    [openmm.MonteCarloBarostat(1.0, 300.0, 2), openmm.MonteCarloFlexibleBarostat(1.0, 300.0, 2)],
    ids=["isotropic", "flexible"],
)
def test_barostat(water_artifact: Path, cases: dict[str, Atoms], barostat: openmm.Force) -> None:
    atoms = cases["triclinic"]
    barostat.setRandomNumberSeed(5)
    integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.0002)
    integrator.setRandomNumberSeed(6)
    system = make_system(atoms, make_force(water_artifact, atoms), barostat.__copy__())
    context = make_context(system, atoms, "CPU", integrator)
    integrator.step(60)
    last = structure_of(context, atoms)
    assert abs(last.get_volume() / atoms.get_volume() - 1.0) > 1e-3
    assert_same(state_of(context), ase_state(water_artifact, last))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_checkpoint_continues_the_trajectory(water_artifact: Path, cases: dict[str, Atoms], platform: str) -> None:
    """In the Context that wrote it, and in a new one; random numbers included."""
    atoms = cases["bulk_water"]

    def context() -> openmm.Context:
        integrator = openmm.LangevinMiddleIntegrator(300.0, 1.0, 0.0005)
        integrator.setRandomNumberSeed(11)
        return make_context(make_system(atoms, make_force(water_artifact, atoms)), atoms, platform, integrator)

    first = context()
    first.getIntegrator().step(15)
    checkpoint = first.createCheckpoint()
    ends = []
    for place in (first, first, context()):
        place.loadCheckpoint(checkpoint)
        place.getIntegrator().step(15)
        ends.append(structure_of(place, atoms).positions)
    # The neighbour lists have different histories: sums may be rounded in another order.
    np.testing.assert_allclose(ends[1], ends[0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(ends[2], ends[0], rtol=0, atol=1e-10)
    assert np.abs(ends[0] - atoms.positions).max() > 0.1


def test_virtual_and_fixed_particles(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    """A massless particle stays where it is; a virtual site passes its force on to the particles that define it."""
    atoms = cases["molecule"]
    system = make_system(atoms, make_force(water_artifact, atoms))
    system.setParticleMass(0, 0.0)
    system.setParticleMass(2, 0.0)
    system.setVirtualSite(2, openmm.TwoParticleAverageSite(0, 1, 1.6, -0.6))
    integrator = openmm.VerletIntegrator(0.0001)
    context = make_context(system, atoms, "Reference", integrator)
    context.computeVirtualSites()
    placed = structure_of(context, atoms)
    assert_same(state_of(context), spread(ase_state(water_artifact, placed), 2, {0: 1.6, 1: -0.6}))
    integrator.step(10)
    last = structure_of(context, atoms)
    np.testing.assert_array_equal(last.positions[0], placed.positions[0])
    assert np.abs(last.positions[1] - placed.positions[1]).max() > 1e-4
