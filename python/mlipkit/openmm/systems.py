# SPDX-License-Identifier: MIT
"""Systems in which a model describes everything, or the molecules chosen from a system of a classical force field."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import openmm
from openmm import app

from mlipkit.openmm.classical import (
    LAMBDA,
    interpolation_force,
    remove_nonbonded,
    take_bonded,
    take_constraints,
)
from mlipkit.openmm.force import MLIPForce
from mlipkit.openmm.region import Region


def createSystem(
    topology: app.Topology, model: str | Path, *, removeCMMotion: bool = True, **options: Any
) -> openmm.System:
    """A System whose energy is that of the model.

    Args:
        topology: with an element for every atom; its box vectors become those of the System.
        model: artifact that mlip-export wrote.
        removeCMMotion: add a CMMotionRemover.
        options: of :class:`MLIPForce`, such as ``precision``, ``task``, ``total_charge``.

    Raises:
        ArtifactError: the file is missing, damaged, or no artifact.
        ValueError: an element that the model lacks, or an atom without element.
    """
    force = MLIPForce(model, topology=topology, **options)
    system = openmm.System()
    if topology.getPeriodicBoxVectors() is not None:
        system.setDefaultPeriodicBoxVectors(*topology.getPeriodicBoxVectors())
    for atom in topology.atoms():
        system.addParticle(atom.element.mass)
    system.addForce(force)
    if removeCMMotion:
        system.addForce(openmm.CMMotionRemover())
    return system


def createMixedSystem(
    topology: app.Topology,
    system: openmm.System,
    atoms: Iterable[int],
    model: str | Path,
    *,
    interpolate: bool = False,
    removeConstraints: bool = True,
    forceGroup: int = 0,
    **options: Any,
) -> openmm.System:
    """A copy of a classical System in which a model describes the interactions within some of its molecules.

    Mechanical embedding: the classical bonds, angles, torsions and nonbonded interactions among the chosen atoms are
    taken out; those among all others, and between the two, stay. So do forces that are no part of a force field
    (restraints, barostats) and implicit solvent, which answers to the molecule as a whole.

    With ``interpolate`` the energy depends on the global parameter ``lambda_interpolate``, linearly: at 0 it is that of
    ``system``, at 1 (its value at first) that of the mixed System.

    Args:
        topology: of the whole System.
        system: of a classical force field; it stays as it is.
        atoms: indices of the atoms that the model describes; whole molecules.
        model: artifact that mlip-export wrote.
        interpolate: see above; the derivative by the parameter is in ``State.getEnergyParameterDerivatives``.
        removeConstraints: take out constraints among the chosen atoms.
        forceGroup: of the model's force.
        options: of :class:`MLIPForce`.

    Returns:
        The new System.

    Raises:
        ArtifactError: the file is missing, damaged, or no artifact.
        ValueError: a bond or constraint between a chosen atom and another one, a force whose inner part cannot be taken
            out, an element that the model lacks, or constraints that cannot be interpolated.
    """
    region = Region.of(topology, system, atoms)
    force = MLIPForce(
        model, topology=topology, atoms=region.atoms, scale_parameter=LAMBDA if interpolate else "", **options
    )
    force.setForceGroup(forceGroup)
    tree = ElementTree.fromstring(openmm.XmlSerializer.serialize(system))
    bonded = take_bonded(tree, region)
    if removeConstraints:
        take_constraints(tree, region, bonded if interpolate else None)
    mixed = openmm.XmlSerializer.deserialize(ElementTree.tostring(tree, encoding="unicode"))
    if interpolate:
        mixed.addForce(interpolation_force(mixed, region, bonded))
    else:
        remove_nonbonded(mixed, region)
    mixed.addForce(force)
    return mixed
