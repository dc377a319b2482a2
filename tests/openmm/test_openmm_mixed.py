# SPDX-License-Identifier: MIT
"""Mixed systems: what stays of the classical energy, term by term, and what the model adds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openmm
import pytest
from ase import Atoms
from mixed_systems import (
    Mixture,
    context_of,
    dipeptide,
    dipeptide_in_water,
    evaluate,
    generic_nonbonded,
    solvated,
    waters_with_reaction_field,
)
from openmm import app, unit
from openmm_systems import EV, ase_state

from mlipkit.openmm import createMixedSystem, createSystem

EWALD = 0.05  # kJ/mol: what pairs at the cutoff miss of an Ewald sum with the tolerance that OpenMM has by default
MIXTURES = pytest.mark.parametrize(
    ("make", "allowed"),
    [
        (dipeptide, 1e-9),
        (dipeptide_in_water, EWALD),
        (lambda: dipeptide_in_water(app.CutoffPeriodic), 1e-8),
        (waters_with_reaction_field, 1e-8),
        (generic_nonbonded, 1e-8),
    ],
    ids=["vacuum", "ewald", "reaction field", "beyond the cutoff", "custom nonbonded"],
)


def energy_of_the_model(artifact: Path, mixture: Mixture) -> float:
    """By ASE, of the region alone; kJ/mol."""
    atoms = list(mixture.topology.atoms())
    box = mixture.topology.getPeriodicBoxVectors()
    structure = Atoms(
        [atoms[index].element.symbol for index in mixture.atoms],
        10 * mixture.part_positions,
        cell=None if box is None else np.array(box.value_in_unit(unit.angstrom)),
        pbc=box is not None,
    )
    return ase_state(artifact, structure).energy * EV


@MIXTURES
def test_term_by_term(organic_artifact: Path, make: Callable[[], Mixture], allowed: float) -> None:
    mixture = make()
    args = (mixture.topology, mixture.system, mixture.atoms, organic_artifact)
    mixed = evaluate(createMixedSystem(*args, precision="double"), mixture.positions)
    classical = evaluate(mixture.system, mixture.positions)
    part = evaluate(mixture.part, mixture.part_positions)
    assert mixed.energies.keys() == classical.energies.keys() | {"MLIPForce"}
    for name, energy in part.energies.items():
        assert energy != 0.0 or "Torsion" in name, name  # water has none
        assert mixed.energies[name] == pytest.approx(classical.energies[name] - energy, abs=allowed), name
    expected = energy_of_the_model(organic_artifact, mixture)
    assert mixed.energies["MLIPForce"] == pytest.approx(expected, rel=1e-9)


@MIXTURES
def test_interpolation(organic_artifact: Path, make: Callable[[], Mixture], allowed: float) -> None:
    mixture = make()
    args = (mixture.topology, mixture.system, mixture.atoms, organic_artifact)
    system = createMixedSystem(*args, interpolate=True, precision="double")
    mixed = evaluate(createMixedSystem(*args, precision="double"), mixture.positions)
    classical = evaluate(mixture.system, mixture.positions)
    start, half, end = (evaluate(system, mixture.positions, lambda_interpolate=x) for x in (0.0, 0.5, 1.0))
    assert start.total == pytest.approx(classical.total, rel=1e-12)
    np.testing.assert_allclose(start.forces, classical.forces, rtol=0, atol=1e-8)
    assert end.total == pytest.approx(mixed.total, abs=max(allowed, 1e-10 * abs(mixed.total)))
    np.testing.assert_allclose(end.forces, mixed.forces, rtol=0, atol=100 * allowed)
    assert half.total == pytest.approx(0.5 * (start.total + end.total), rel=1e-10)
    np.testing.assert_allclose(half.forces, 0.5 * (start.forces + end.forces), rtol=1e-9, atol=1e-6)
    context = context_of(system, mixture.positions)
    assert context.getParameter("lambda_interpolate") == 1.0
    slope = context.getState(parameterDerivatives=True).getEnergyParameterDerivatives()["lambda_interpolate"]
    assert slope == pytest.approx(end.total - start.total, rel=1e-9)


def test_the_classical_system_stays_as_it_is(organic_artifact: Path) -> None:
    mixture = dipeptide()
    before = openmm.XmlSerializer.serialize(mixture.system)
    createMixedSystem(mixture.topology, mixture.system, mixture.atoms, organic_artifact, interpolate=True)
    assert openmm.XmlSerializer.serialize(mixture.system) == before


def test_atoms_in_another_order(organic_artifact: Path) -> None:
    mixture = dipeptide()
    args = (mixture.topology, mixture.system)
    totals = [
        evaluate(createMixedSystem(*args, atoms, organic_artifact, precision="double"), mixture.positions).total
        for atoms in (mixture.atoms, mixture.atoms[::-1])
    ]
    assert totals[0] == pytest.approx(totals[1], rel=1e-12)


def test_molecules_are_whole_for_barostats(organic_artifact: Path) -> None:
    mixture = dipeptide_in_water()
    for interpolate in (False, True):
        system = createMixedSystem(
            mixture.topology, mixture.system, mixture.atoms, organic_artifact, interpolate=interpolate
        )
        molecules = context_of(system, mixture.positions).getMolecules()
        assert sorted(map(len, molecules)) == [3] * 319 + [22]


def test_images_of_the_region(organic_artifact: Path) -> None:
    """The region may lie in any image; for the model, each of its atoms may."""
    mixture = dipeptide_in_water(app.CutoffPeriodic)
    system = createMixedSystem(
        mixture.topology, mixture.system, mixture.atoms, organic_artifact, precision="double", interpolate=True
    )
    moved, torn = mixture.positions.copy(), mixture.positions.copy()
    moved[:22] += 2.2 * np.array([1, -2, 3])
    torn[:22] += 2.2 * np.random.default_rng(1).integers(-2, 3, (22, 3))
    first, second, third = (evaluate(system, x, lambda_interpolate=0.7) for x in (mixture.positions, moved, torn))
    assert second.total == pytest.approx(first.total, rel=1e-10)
    np.testing.assert_allclose(second.forces, first.forces, rtol=0, atol=1e-6)
    assert third.energies["MLIPForce"] == pytest.approx(first.energies["MLIPForce"], rel=1e-10)


def test_constraints_of_the_region(organic_artifact: Path) -> None:
    topology, positions = solvated()
    field = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    system = field.createSystem(topology, nonbondedMethod=app.PME, constraints=app.HBonds)
    region = list(range(22))
    of_water = 3 * 319
    assert system.getNumConstraints() == of_water + 12
    args = (topology, system, region, organic_artifact)
    assert createMixedSystem(*args).getNumConstraints() == of_water
    assert createMixedSystem(*args, removeConstraints=False).getNumConstraints() == of_water + 12
    with pytest.raises(ValueError, match="held by a constraint and by no bond of the force field"):
        createMixedSystem(*args, interpolate=True)
    flexible = field.createSystem(topology, nonbondedMethod=app.PME, constraints=app.HBonds, flexibleConstraints=True)
    mixed = createMixedSystem(topology, flexible, region, organic_artifact, interpolate=True)
    assert mixed.getNumConstraints() == of_water
    context_of(mixed, positions).getState(energy=True)


def test_energy_is_conserved(organic_artifact: Path) -> None:
    mixture = dipeptide()
    for interpolate in (False, True):
        system = createMixedSystem(
            mixture.topology,
            mixture.system,
            mixture.atoms,
            organic_artifact,
            precision="double",
            interpolate=interpolate,
        )
        context = context_of(system, mixture.positions, **({"lambda_interpolate": 0.4} if interpolate else {}))
        context.getIntegrator().setStepSize(0.00002)  # random weights make steep surfaces
        context.setVelocitiesToTemperature(100, 1)
        totals = []
        for _ in range(20):
            context.getIntegrator().step(10)
            state = context.getState(energy=True)
            totals.append((state.getPotentialEnergy() + state.getKineticEnergy())._value)
        assert np.ptp(totals) < 0.02 * context.getState(energy=True).getKineticEnergy()._value


def test_system_of_the_model_alone(organic_artifact: Path) -> None:
    topology, positions = solvated()
    system = createSystem(topology, organic_artifact, precision="double")
    assert [type(force).__name__ for force in system.getForces()] == ["Force", "CMMotionRemover"]
    assert system.usesPeriodicBoundaryConditions()
    found = evaluate(system, positions)
    atoms = list(range(len(positions)))
    everything = Mixture(topology, positions, system, atoms, system)
    assert found.total == pytest.approx(energy_of_the_model(organic_artifact, everything), rel=1e-9)
    assert createSystem(topology, organic_artifact, removeCMMotion=False, periodic=False).getNumForces() == 1


def test_bonds_across_the_boundary(organic_artifact: Path) -> None:
    mixture = dipeptide()
    with pytest.raises(
        ValueError, match=r"atom 6 \(N of residue ALA 2\) is among .* bound to atom 4 \(C of residue ACE"
    ):
        createMixedSystem(mixture.topology, mixture.system, range(6, 22), organic_artifact)


def test_forces_that_cannot_be_divided(organic_artifact: Path) -> None:
    mixture = dipeptide()
    mixture.system.addForce(openmm.DrudeForce())
    with pytest.raises(ValueError, match="the part of DrudeForce among the chosen atoms cannot be taken out"):
        createMixedSystem(mixture.topology, mixture.system, mixture.atoms, organic_artifact)


def test_other_topology(organic_artifact: Path) -> None:
    mixture = dipeptide()
    with pytest.raises(ValueError, match=r"the topology has 979 atoms, the System 22 particles"):
        createMixedSystem(solvated()[0], mixture.system, mixture.atoms, organic_artifact)


def test_interpolation_that_has_no_formula(organic_artifact: Path) -> None:
    mixture = dipeptide_in_water(app.LJPME)
    args = (mixture.topology, mixture.system, mixture.atoms, organic_artifact)
    with pytest.raises(ValueError, match="without LJPME"):
        createMixedSystem(*args, interpolate=True)
    createMixedSystem(*args)
    standard = next(f for f in mixture.system.getForces() if isinstance(f, openmm.NonbondedForce))
    standard.setNonbondedMethod(openmm.NonbondedForce.PME)
    standard.addGlobalParameter("scale", 1.0)
    standard.addParticleParameterOffset("scale", 3, 0.1, 0.0, 0.0)
    with pytest.raises(ValueError, match="without parameter offsets"):
        createMixedSystem(*args, interpolate=True)
