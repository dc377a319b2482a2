# SPDX-License-Identifier: MIT
"""A model on some particles of a System, a factor of its energy, and conditions changed in a Context."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openmm
import pytest
from ase import Atoms
from openmm import unit
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
    water_topology,
)

from mlipkit.openmm import MLIPForce


def part_of(atoms: Atoms, chosen: list[int], state: State) -> State:
    """Forces of a part, in the places of the whole."""
    forces = np.zeros((len(atoms), 3))
    forces[chosen] = state.forces
    return State(state.energy, forces)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", ["bulk_water", "triclinic", "molecule"])
def test_some_particles(vector_artifact: Path, cases: dict[str, Atoms], name: str, platform: str) -> None:
    """The model sees the chosen particles alone, in the order in which they are named."""
    atoms = cases[name]
    chosen = np.random.default_rng(2).permutation(len(atoms))[: 2 * len(atoms) // 3].tolist()
    part = atoms[chosen]
    force = make_force(vector_artifact, part, atoms=chosen)
    context = make_context(make_system(atoms, force), atoms, platform)
    assert_same(state_of(context), part_of(atoms, chosen, ase_state(vector_artifact, part)))


def test_two_parts_of_one_system(vector_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["bulk_water"]
    halves = [list(range(0, len(atoms), 2)), list(range(1, len(atoms), 2))]
    forces = [make_force(vector_artifact, atoms[half], atoms=half) for half in halves]
    found = state_of(make_context(make_system(atoms, *forces), atoms))
    states = [part_of(atoms, half, ase_state(vector_artifact, atoms[half])) for half in halves]
    assert_same(found, State(sum(s.energy for s in states), sum(s.forces for s in states)))


def test_outputs_of_a_part(ensemble_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["bulk_water"]
    chosen = [4, 3, 5]
    force = make_force(ensemble_artifact, atoms[chosen], atoms=chosen)
    alone = make_force(ensemble_artifact, atoms[chosen])
    whole, part = (
        make_context(make_system(structure, one), structure)
        for structure, one in [(atoms, force), (atoms[chosen], alone)]
    )
    found = force.getOutput(whole, "force_sigma")
    np.testing.assert_allclose(found, alone.getOutput(part, "force_sigma"), rtol=1e-10)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_factor_of_the_energy_and_derivative(vector_artifact: Path, cases: dict[str, Atoms], platform: str) -> None:
    atoms = cases["bulk_water"]
    force = make_force(vector_artifact, atoms, scale_parameter="lambda")
    context = make_context(make_system(atoms, force), atoms, platform)
    expected = ase_state(vector_artifact, atoms)
    assert context.getParameter("lambda") == 1.0
    for factor in (1.0, 0.25, 0.0, -1.0):
        context.setParameter("lambda", factor)
        found = state_of(context)
        np.testing.assert_allclose(found.energy, factor * expected.energy, rtol=1e-9)
        np.testing.assert_allclose(found.forces, factor * expected.forces, rtol=0, atol=1e-8)
        slope = context.getState(parameterDerivatives=True).getEnergyParameterDerivatives()["lambda"]
        assert slope / EV == pytest.approx(expected.energy, rel=1e-9)


def test_forces_with_one_factor_add_up(vector_artifact: Path, water_artifact: Path, cases: dict[str, Atoms]) -> None:
    """Derivatives by one parameter are sums over the forces that it multiplies, those of OpenMM included."""
    atoms = cases["molecule"]
    spring = openmm.CustomBondForce("lambda * 1000 * r^2")
    spring.addGlobalParameter("lambda", 1.0)
    spring.addEnergyParameterDerivative("lambda")
    spring.addBond(0, 1)
    models = [make_force(path, atoms, scale_parameter="lambda") for path in (vector_artifact, water_artifact)]
    context = make_context(make_system(atoms, spring, *models), atoms)
    context.setParameter("lambda", 0.5)
    energies = [ase_state(path, atoms).energy for path in (vector_artifact, water_artifact)]
    bond = 1000 * (atoms.get_distance(0, 1) / 10) ** 2
    state = context.getState(energy=True, parameterDerivatives=True)
    slope = state.getEnergyParameterDerivatives()["lambda"]
    assert slope == pytest.approx(sum(energies) * EV + bond, rel=1e-9)
    assert state.getPotentialEnergy()._value == pytest.approx(0.5 * slope, rel=1e-9)


def test_factor_that_is_no_number(vector_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["molecule"]
    context = make_context(make_system(atoms, make_force(vector_artifact, atoms, scale_parameter="s")), atoms)
    context.setParameter("s", float("nan"))
    with pytest.raises(openmm.OpenMMException, match="global parameter s, which multiplies the energy, is nan"):
        state_of(context)


def test_conditions_are_changed_in_a_context(two_task_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["molecule"]
    force = make_force(two_task_artifact, atoms, task="pbe", total_charge=0, spin_multiplicity=1)
    system = make_system(atoms, force)
    contexts = [make_context(system, atoms) for _ in range(2)]
    neutral = state_of(contexts[0])
    force.setTotalCharge(1 * unit.elementary_charge)
    force.setSpinMultiplicity(2)
    assert_same(state_of(contexts[0]), neutral, energy=1e-14, force=1e-12)
    force.updateParametersInContext(contexts[0])
    cation = ase_state(two_task_artifact, atoms, task="pbe", total_charge=1, spin_multiplicity=2)
    assert abs(cation.energy - neutral.energy) > 1e-3
    assert_same(state_of(contexts[0]), cation)
    assert_same(state_of(contexts[1]), neutral, energy=1e-14, force=1e-12)
    assert_same(state_of(make_context(system, atoms)), cation)
    force.setTotalCharge(0)
    force.updateParametersInContext(contexts[0])
    with pytest.raises(openmm.OpenMMException, match="electrons"):  # one of them is unpaired in a doublet alone
        state_of(contexts[0])
    force.setTotalCharge(9)
    with pytest.raises(openmm.OpenMMException, match="total_charge = 9 is outside the range"):
        force.updateParametersInContext(contexts[0])


def test_precision_of_the_next_context(vector_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["bulk_water"]
    force = make_force(vector_artifact, atoms, precision="single")
    system = make_system(atoms, force)
    single = make_context(system, atoms)
    MLIPForce.cast(system.getForce(0)).setPrecision("double")
    double = make_context(system, atoms)
    expected = ase_state(vector_artifact, atoms)
    assert_same(state_of(double), expected)
    assert 1e-8 < np.abs(state_of(single).forces - expected.forces).max() < 1e-3


def test_cast(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    atoms = cases["molecule"]
    system = make_system(atoms, openmm.CustomExternalForce("x"), make_force(water_artifact, atoms))
    assert isinstance(MLIPForce.cast(system.getForce(1)), MLIPForce)
    with pytest.raises(TypeError, match="CustomExternalForce is no MLIPForce"):
        MLIPForce.cast(system.getForce(0))


def test_bonds_of_a_topology_tell_what_a_molecule_is(water_artifact: Path) -> None:
    topology = water_topology(4)
    for atoms, molecules in [(None, 4), (range(3, 9), 2 + 6), ([0, 1], 1 + 10)]:
        force = MLIPForce(water_artifact, topology=topology, atoms=atoms)
        system = openmm.System()
        for _ in topology.atoms():
            system.addParticle(1.0)
        system.addForce(force)
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
        assert len(context.getMolecules()) == molecules


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        ([0, 1, 1], "names particle 1 twice"),
        ([], "names no particle"),
        ([0, 12], "indices 0 to 12, the topology has 12 atoms"),
        ([-1, 2], "indices -1 to 2"),
        ([0.5], "must be indices of particles"),
    ],
)
def test_wrong_atoms(water_artifact: Path, atoms: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLIPForce(water_artifact, topology=water_topology(4), atoms=atoms)


def test_atoms_and_symbols_that_do_not_fit(water_artifact: Path, cases: dict[str, Atoms]) -> None:
    with pytest.raises(ValueError, match="symbols names 3 particles, atoms 2"):
        MLIPForce(water_artifact, ["O", "H", "H"], atoms=[0, 1], periodic=False)
    with pytest.raises(ValueError, match=r"does not know Xe \(first: particle 7"):
        MLIPForce(water_artifact, ["O", "Xe"], atoms=[5, 7], periodic=False)
    atoms = cases["molecule"]
    system = make_system(atoms, MLIPForce(water_artifact, ["O", "H"], atoms=[0, len(atoms)], periodic=False))
    with pytest.raises(openmm.OpenMMException, match=f"there is no particle {len(atoms)}; the System has {len(atoms)}"):
        make_context(system, atoms)
