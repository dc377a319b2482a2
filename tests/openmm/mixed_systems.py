# SPDX-License-Identifier: MIT
"""Systems of classical force fields, and the part of each that a model is to describe as a System of its own.

The energy within a region is known without any code of mlipkit: it is that of the part alone, created by the same force
field. With an Ewald sum the part stays open: the images that the sum adds to it belong to the surroundings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import app, unit

DIPEPTIDE = Path(__file__).parents[2] / "examples" / "organic" / "alanine_dipeptide.pdb"
REFERENCE = openmm.Platform.getPlatformByName("Reference")


@dataclass
class Mixture:
    """A classical System, the atoms of a region in it, and the energy within the region as a System of its own."""

    topology: app.Topology
    positions: NDArray[np.float64]  # [N, 3] nm
    system: openmm.System
    atoms: list[int]
    part: openmm.System

    @property
    def part_positions(self) -> NDArray[np.float64]:
        return self.positions[self.atoms]


@dataclass
class Evaluation:
    """Energies of the forces in kJ/mol, by name, and the sum of all forces in kJ/mol/nm."""

    energies: dict[str, float]
    total: float
    forces: NDArray[np.float64]


def evaluate(system: openmm.System, positions: NDArray[np.float64], **parameters: float) -> Evaluation:
    """Every force by itself, on the Reference platform."""
    system = openmm.XmlSerializer.clone(system)
    for group, force in enumerate(system.getForces()):
        force.setForceGroup(group)
    context = context_of(system, positions, **parameters)
    energies = {
        force.getName(): context.getState(energy=True, groups={group}).getPotentialEnergy()._value
        for group, force in enumerate(system.getForces())
    }
    state = context.getState(energy=True, forces=True)
    return Evaluation(energies, state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value)


def context_of(system: openmm.System, positions: NDArray[np.float64], **parameters: float) -> openmm.Context:
    context = openmm.Context(system, openmm.VerletIntegrator(0.0005), REFERENCE)
    context.setPositions(positions)
    for name, value in parameters.items():
        context.setParameter(name, value)
    return context


@lru_cache(maxsize=1)
def solvated() -> tuple[app.Topology, NDArray[np.float64]]:
    """The dipeptide in a box of 2.2 nm with 319 molecules of water."""
    pdb = app.PDBFile(str(DIPEPTIDE))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    field = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    modeller.addSolvent(field, boxSize=openmm.Vec3(2.2, 2.2, 2.2) * unit.nanometer)
    return modeller.topology, np.array(modeller.positions.value_in_unit(unit.nanometer))


def _mixture(
    topology: app.Topology,
    positions: NDArray[np.float64],
    atoms: list[int],
    files: tuple[str, ...],
    change: Callable[[openmm.System], None] = lambda system: None,
    **options: Any,
) -> Mixture:
    field = app.ForceField(*files)
    options = {"constraints": None, "rigidWater": False, "removeCMMotion": False, **options}
    modeller = app.Modeller(topology, positions * unit.nanometer)
    chosen = set(atoms)
    modeller.delete([atom for atom in topology.atoms() if atom.index not in chosen])
    ewald = options.get("nonbondedMethod") is app.PME
    inner = {"nonbondedMethod": app.NoCutoff} if ewald else {}
    systems = [
        field.createSystem(topology, **options),
        field.createSystem(modeller.topology, **{**options, **inner}),
    ]
    for system in systems:
        change(system)
    for force in systems[1].getForces():
        if isinstance(force, openmm.NonbondedForce):
            force.setUseDispersionCorrection(False)  # of the surroundings
    return Mixture(topology, positions, systems[0], atoms, systems[1])


def dipeptide(*_: Any) -> Mixture:
    """In vacuum, with a force field that has CMAP terms; the region is everything."""
    pdb = app.PDBFile(str(DIPEPTIDE))
    positions = np.array(pdb.positions.value_in_unit(unit.nanometer))
    return _mixture(pdb.topology, positions, list(range(22)), ("amber19-all.xml", "amber14/tip3p.xml"))


def dipeptide_in_water(method: Any = app.PME) -> Mixture:
    """The region is the dipeptide; its longest distance is shorter than the cutoff."""
    topology, positions = solvated()
    files = ("amber14-all.xml", "amber14/tip3p.xml")
    cutoff = 1.0 * unit.nanometer
    return _mixture(topology, positions, list(range(22)), files, nonbondedMethod=method, nonbondedCutoff=cutoff)


def waters_with_reaction_field() -> Mixture:
    """The region is 40 molecules in no order, many of them further apart than the cutoff, where a switch ends."""
    topology, positions = solvated()
    molecules = np.random.default_rng(5).permutation(300)[:40]
    atoms = [int(22 + 3 * molecule + k) for molecule in molecules for k in (1, 0, 2)]
    return _mixture(
        topology,
        positions,
        sorted(atoms),
        ("amber14-all.xml", "amber14/tip3p.xml"),
        nonbondedMethod=app.CutoffPeriodic,
        nonbondedCutoff=0.9 * unit.nanometer,
        switchDistance=0.6 * unit.nanometer,
    )


def dispersion_apart(system: openmm.System) -> None:
    """Moves the Lennard-Jones energy into a CustomNonbondedForce, as force fields of the CHARMM family have it."""
    standard = next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))
    apart = openmm.CustomNonbondedForce("4*sqrt(e1*e2)*((s/r)^12-(s/r)^6); s=0.5*(s1+s2)")
    apart.addPerParticleParameter("s")
    apart.addPerParticleParameter("e")
    apart.setNonbondedMethod(min(int(standard.getNonbondedMethod()), 2))
    apart.setCutoffDistance(standard.getCutoffDistance())
    for index in range(standard.getNumParticles()):
        charge, sigma, epsilon = standard.getParticleParameters(index)
        apart.addParticle([sigma, epsilon])
        standard.setParticleParameters(index, charge, sigma, 0.0)
    for index in range(standard.getNumExceptions()):
        i, j, *_ = standard.getExceptionParameters(index)
        apart.addExclusion(i, j)
    standard.setUseDispersionCorrection(False)
    system.addForce(apart)


def generic_nonbonded() -> Mixture:
    """As waters_with_reaction_field, with dispersion in a force of its own."""
    base = waters_with_reaction_field()
    for system in (base.system, base.part):
        dispersion_apart(system)
    return base
