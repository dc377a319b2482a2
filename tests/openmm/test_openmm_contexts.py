# SPDX-License-Identifier: MIT
"""Several Contexts, forces, force groups and threads in one process; the life of the Python object."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
from pathlib import Path

import numpy as np
import openmm
import pytest
import torch
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
)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_forces_are_added_and_groups_kept_apart(
    water_artifact: Path, vector_artifact: Path, cases: dict[str, Atoms], platform: str
) -> None:
    """Two models and a force of OpenMM's own, each in its group."""
    atoms = cases["bulk_water"]
    spring = openmm.HarmonicBondForce()
    spring.addBond(0, 1, 0.2, 5e4)
    forces = [make_force(water_artifact, atoms), make_force(vector_artifact, atoms), spring]
    for group, force in enumerate(forces):
        force.setForceGroup(3 * group)
    context = make_context(make_system(atoms, *forces), atoms, platform)

    states = [state_of(context, groups={3 * group}) for group in range(3)]
    assert_same(states[0], ase_state(water_artifact, atoms))
    assert_same(states[1], ase_state(vector_artifact, atoms))
    assert np.abs(states[2].forces[:2]).max() > 1.0
    both = State(sum(s.energy for s in states), np.sum([s.forces for s in states], axis=0))
    tolerance = 1e-8 if platform == "Reference" else 1e-3  # the CPU platform sums its own forces in single precision
    assert_same(state_of(context), both, energy=1e-7, force=tolerance)
    nothing = state_of(context, groups={1})
    assert nothing.energy == 0.0
    assert not nothing.forces.any()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_energy_alone_and_forces_alone(water_artifact: Path, cases: dict[str, Atoms], platform: str) -> None:
    atoms = cases["molecule"]
    context = make_context(make_system(atoms, make_force(water_artifact, atoms)), atoms, platform)
    expected = ase_state(water_artifact, atoms)
    assert context.getState(energy=True).getPotentialEnergy()._value / EV == pytest.approx(expected.energy, rel=1e-9)
    forces = context.getState(forces=True).getForces(asNumpy=True)._value / (10 * EV)
    np.testing.assert_allclose(forces, expected.forces, rtol=0, atol=1e-8)


def test_several_contexts_of_one_system(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    """Contexts do not share state: they move on in turn, and each knows its own positions and box."""
    atoms = cases["bulk_water"]
    system = make_system(atoms, make_force(water_artifact, atoms))
    wider = atoms.copy()
    wider.set_cell(atoms.cell.array * 1.02, scale_atoms=True)
    contexts = [make_context(system, structure, platform) for structure in (atoms, wider) for platform in PLATFORMS]
    for context in contexts[2:]:
        context.setPeriodicBoxVectors(*(wider.cell.array * 0.1))
    expected = [ase_state(water_artifact, structure) for structure in (atoms, wider)]
    for _ in range(2):
        for index in (0, 2, 1, 3):
            assert_same(state_of(contexts[index]), expected[index // 2])


def run(context: openmm.Context, steps: int) -> State:
    context.getIntegrator().step(steps)
    return state_of(context)


def test_threads_with_a_context_each(water_artifact: Path, vector_artifact: Path, cases: dict[str, Atoms]) -> None:
    """Contexts are created, and run, in Python threads of their own; the same as one after the other."""
    atoms = cases["triclinic"]
    jobs = [(path, platform) for path in (water_artifact, vector_artifact) for platform in PLATFORMS]

    def work(path: Path, platform: str) -> State:
        return run(make_context(make_system(atoms, make_force(path, atoms)), atoms, platform), 10)

    expected = [work(*job) for job in jobs]
    found: dict[int, State] = {}
    threads = [
        threading.Thread(target=lambda index=index, job=job: found.update({index: work(*job)}))
        for index, job in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(jobs)
    for index, state in found.items():
        assert_same(state, expected[index], energy=1e-12, force=1e-10)


def test_ownership(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    """A System takes the force over; both orders of deletion, and forces that no System took, are fine."""
    atoms = cases["molecule"]
    force = make_force(water_artifact, atoms)
    assert isinstance(force, openmm.Force)
    assert force.thisown
    system = make_system(atoms, force)
    assert not force.thisown
    with pytest.raises(Exception, match="does not own"):
        openmm.System().addForce(force)
    force.setName("model")
    force.setForceGroup(7)
    assert system.getForce(0).getName() == "model"
    context = make_context(system, atoms)
    del force, system
    gc.collect()
    assert np.isfinite(state_of(context).energy)
    for _ in range(3):
        make_force(water_artifact, atoms)
    gc.collect()


def test_names_groups_and_periodicity(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    force = make_force(water_artifact, cases["molecule"])
    assert (force.getName(), force.getForceGroup()) == ("MLIPForce", 0)
    assert not force.usesPeriodicBoundaryConditions()
    assert not make_system(cases["molecule"], force).usesPeriodicBoundaryConditions()
    periodic = make_force(water_artifact, cases["bulk_water"])
    assert make_system(cases["bulk_water"], periodic).usesPeriodicBoundaryConditions()


@pytest.mark.parametrize("how", ["copy", "pickle"])
def test_copies(water_artifact: Path, cases: dict[str, Atoms], how: str) -> None:
    atoms = cases["molecule"]
    force = make_force(water_artifact, atoms)
    force.setForceGroup(4)
    other = copy.deepcopy(force) if how == "copy" else pickle.loads(pickle.dumps(force))
    del force
    assert other.getForceGroup() == 4
    assert_same(state_of(make_context(make_system(atoms, other), atoms)), ase_state(water_artifact, atoms))


def test_context_can_be_made_anew(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["molecule"]
    context = make_context(make_system(atoms, make_force(water_artifact, atoms)), atoms)
    before = state_of(context)
    context.reinitialize(preserveState=True)
    assert_same(state_of(context), before, energy=1e-14, force=1e-13)


@pytest.mark.parametrize(
    ("platform", "options", "threads"), [("Reference", {}, 1), ("CPU", {}, 2), ("CPU", {"threads": 1}, 1)]
)
def test_threads_of_the_model(
    water_artifact: Path, cases: dict[str, Atoms], platform: str, options: dict[str, int], threads: int
) -> None:
    """The platform's property Threads decides unless the force says otherwise; torch tells what it was set to."""
    atoms = cases["bulk_water"]
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    properties = {"Threads": "2"} if platform == "CPU" else {}
    context = openmm.Context(
        make_system(atoms, make_force(water_artifact, atoms, **options)),
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName(platform),
        properties,
    )
    context.setPositions(atoms.positions * 0.1)
    try:
        assert_same(state_of(context), ase_state(water_artifact, atoms))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
