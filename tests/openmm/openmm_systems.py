# SPDX-License-Identifier: MIT
"""Structures as OpenMM systems, and what Contexts and the ASE calculator say about them, in eV and angstrom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from ase import Atoms
from numpy.typing import NDArray
from openmm import app, unit

from mlipkit import MLIPCalculator
from mlipkit.openmm import MLIPForce

# CODATA 2018, exact: e N_A in kJ/mol per eV. Written out here so that the plugin's number is compared with another.
EV = 96.48533212331002
PLATFORMS = ["Reference", "CPU"]


@dataclass
class State:
    energy: float  # eV
    forces: NDArray[np.float64]  # [N, 3] eV/angstrom


def boxed(atoms: Atoms, cutoff: float) -> Atoms:
    """Open directions become periodic with a vector so long that no image is within two cutoffs.

    OpenMM knows boxes with three periodic directions or none. The cell of the periodic directions must lie along them.
    """
    if atoms.pbc.all() or not atoms.pbc.any():
        return atoms
    result = atoms.copy()
    extent = np.ptp(atoms.positions, axis=0)
    for axis in np.flatnonzero(~atoms.pbc):
        result.cell[axis] = 0.0
        result.cell[axis, axis] = extent[axis] + 2.0 * cutoff
    result.pbc = True
    return result


def water_topology(molecules: int) -> app.Topology:
    """Molecules of O H H with their bonds, without a box."""
    topology = app.Topology()
    chain = topology.addChain()
    for _ in range(molecules):
        residue = topology.addResidue("HOH", chain)
        oxygen, *hydrogens = (
            topology.addAtom(name, app.Element.getBySymbol(name[0]), residue) for name in ("O", "H1", "H2")
        )
        for hydrogen in hydrogens:
            topology.addBond(oxygen, hydrogen)
    return topology


def make_system(atoms: Atoms, *forces: openmm.Force) -> openmm.System:
    system = openmm.System()
    for mass in atoms.get_masses():
        system.addParticle(mass)
    if atoms.pbc.all():
        system.setDefaultPeriodicBoxVectors(*(atoms.cell.array * 0.1))
    for force in forces:
        system.addForce(force)
    return system


def make_force(artifact: Path, structure: Atoms, precision: str = "double", **options: Any) -> MLIPForce:
    periodic = bool(structure.pbc.all())
    return MLIPForce(artifact, structure.get_chemical_symbols(), precision=precision, periodic=periodic, **options)


def make_context(
    system: openmm.System, atoms: Atoms, platform: str = "Reference", integrator: openmm.Integrator | None = None
) -> openmm.Context:
    """A Context with the positions set; one thread, so that results do not depend on the machine."""
    properties = {"Threads": "1"} if platform == "CPU" else {}
    integrator = integrator or openmm.VerletIntegrator(0.0001)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform), properties)
    context.setPositions(atoms.positions * 0.1)
    return context


def state_of(context: openmm.Context, **options: Any) -> State:
    state = context.getState(energy=True, forces=True, **options)
    energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    return State(energy / EV, np.array(forces) / (10.0 * EV))


def structure_of(context: openmm.Context, atoms: Atoms) -> Atoms:
    """The structure in its present positions and box."""
    state = context.getState(positions=True)
    result = atoms.copy()
    result.positions = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    if atoms.pbc.all():
        result.set_cell(state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.angstrom))
    return result


def openmm_state(artifact: Path, atoms: Atoms, platform: str = "Reference", **options: Any) -> State:
    """Energy and forces of a structure from a Context of its own."""
    return state_of(make_context(make_system(atoms, make_force(artifact, atoms, **options)), atoms, platform))


def ase_state(artifact: Path, atoms: Atoms, **options: Any) -> State:
    structure = atoms.copy()
    structure.calc = MLIPCalculator(artifact, precision="double", **options)
    return State(structure.get_potential_energy(), structure.get_forces())


def assert_same(found: State, expected: State, energy: float = 1e-9, force: float = 1e-8) -> None:
    """`energy` is relative, `force` in eV/angstrom: the tolerances of the conformance cases."""
    assert abs(found.energy - expected.energy) <= energy * abs(expected.energy)
    np.testing.assert_allclose(found.forces, expected.forces, rtol=0, atol=force)
