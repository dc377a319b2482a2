# SPDX-License-Identifier: MIT
"""The atoms of a mixed system that a model describes, and what makes a choice of them possible."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import openmm
from openmm import app

from mlipkit.openmm.particles import indices, named

# Energies of particles that a model would count a second time, and that cannot be taken out for some of them.
INSEPARABLE = (
    openmm.CustomHbondForce,
    openmm.CustomManyParticleForce,
    openmm.GayBerneForce,
    openmm.DrudeForce,
    openmm.ConstantPotentialForce,
    openmm.AmoebaMultipoleForce,
    openmm.AmoebaTorsionTorsionForce,
    openmm.AmoebaVdwForce,
    openmm.HippoNonbondedForce,
)


@dataclass(frozen=True)
class Region:
    """Whole molecules of a System."""

    atoms: list[int]

    @cached_property
    def inside(self) -> frozenset[int]:
        return frozenset(self.atoms)

    def holds(self, particles: Iterable[int]) -> bool:
        """Whether all of these particles are in the region."""
        return self.inside.issuperset(particles)

    def cut_by(self, particles: Iterable[int]) -> bool:
        """Whether some of these particles are in the region, and some are not."""
        chosen = self.inside.intersection(particles)
        return bool(chosen) and not chosen.issuperset(particles)

    @classmethod
    def of(cls, topology: app.Topology, system: openmm.System, atoms: Iterable[int]) -> Region:
        """Raises ValueError where the choice cuts a molecule, or the System has a force that cannot be divided."""
        if topology.getNumAtoms() != system.getNumParticles():
            raise ValueError(
                f"the topology has {topology.getNumAtoms()} atoms, the System {system.getNumParticles()} particles; "
                "give the topology that the System was created from (after addExtraParticles, if there was one)"
            )
        found = cls(indices(atoms, topology.getNumAtoms()))
        names = list(topology.atoms())
        for pair in _connections(topology, system):
            if found.cut_by(pair):
                one, other = (
                    named(names[index]) for index in sorted(pair, key=found.inside.__contains__, reverse=True)
                )
                raise ValueError(
                    f"{one} is among the chosen atoms and bound to {other}, which is not; a model describes whole "
                    "molecules: choose both, or neither"
                )
        for force in system.getForces():
            if isinstance(force, INSEPARABLE):
                raise ValueError(
                    f"the part of {type(force).__name__} among the chosen atoms cannot be taken out of it; use a force "
                    "field of bonds, angles, torsions, NonbondedForce and CustomNonbondedForce"
                )
        return found


def _connections(topology: app.Topology, system: openmm.System) -> Iterable[tuple[int, ...]]:
    """Particles that belong together: bonds, constraints, virtual sites with what they depend on."""
    for bond in topology.bonds():
        yield bond[0].index, bond[1].index
    for index in range(system.getNumConstraints()):
        yield tuple(system.getConstraintParameters(index)[:2])
    for index in range(system.getNumParticles()):
        if system.isVirtualSite(index):
            site = system.getVirtualSite(index)
            yield index, *(site.getParticle(k) for k in range(site.getNumParticles()))
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            for index in range(force.getNumBonds()):
                yield tuple(force.getBondParameters(index)[:2])
