# SPDX-License-Identifier: MIT
"""The classical energy within a region: taken out of a System, or made to fade with a parameter.

Interpolation leaves the nonbonded forces of the System as they are and subtracts lambda times the energy of the pairs
in the region, so that nothing but rounding separates lambda = 0 from the classical System.
"""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ElementTree

import openmm

from mlipkit.openmm.pair_energy import excluded_pairs, pair_forces
from mlipkit.openmm.region import Region

LAMBDA = "lambda_interpolate"
BONDED = {
    "HarmonicBondForce",
    "HarmonicAngleForce",
    "PeriodicTorsionForce",
    "RBTorsionForce",
    "CMAPTorsionForce",
    "CustomBondForce",
    "CustomAngleForce",
    "CustomTorsionForce",
    "CustomCompoundBondForce",
}
TERMS = {"Bond", "Angle", "Torsion"}
PARTICLES = [f"p{k}" for k in range(1, 33)] + [f"{chain}{k}" for chain in "ab" for k in range(1, 5)]


def _particles(term: ElementTree.Element) -> list[int]:
    return [int(term.attrib[name]) for name in PARTICLES if name in term.attrib]


def take_bonded(tree: ElementTree.Element, region: Region) -> list[openmm.Force]:
    """Removes bonds, angles and torsions of the region from a serialized System; gives them as forces of their own."""
    taken = []
    for element in tree.iterfind("Forces/Force"):
        if element.attrib["type"] in BONDED:
            inner = ElementTree.Element(element.tag, element.attrib)
            if sum(_divide(group, ElementTree.SubElement(inner, group.tag, group.attrib), region) for group in element):
                taken.append(openmm.XmlSerializer.deserialize(ElementTree.tostring(inner, encoding="unicode")))
    return taken


def _divide(group: ElementTree.Element, inner: ElementTree.Element, region: Region) -> int:
    """Moves terms of the region from one element to another, which gets a share in all else; their number."""
    rest: list[ElementTree.Element] = []
    terms: list[ElementTree.Element] = []
    for child in group:
        (terms if child.tag in TERMS and region.holds(_particles(child)) else rest).append(child)
    inner.extend([child for child in rest if child.tag not in TERMS] + terms)
    group[:] = rest
    return len(terms)


def take_constraints(tree: ElementTree.Element, region: Region, bonded: list[openmm.Force] | None) -> None:
    """Removes the constraints of the region; with ``bonded``, a bond there must take the place of each."""
    constraints = tree.find("Constraints")
    if constraints is None:
        return
    bonds = None if bonded is None else _bonds(bonded)
    rest = []
    for term in constraints:
        i, j = _particles(term)
        if not region.holds((i, j)):
            rest.append(term)
        elif bonds is not None and frozenset((i, j)) not in bonds:
            raise ValueError(
                f"particles {i} and {j} are held by a constraint and by no bond of the force field, so nothing would "
                "hold them when lambda_interpolate is 0; create the System with constraints=None and rigidWater=False, "
                "or with flexibleConstraints=True, or give removeConstraints=False"
            )
    constraints[:] = rest


def _bonds(forces: list[openmm.Force]) -> set[frozenset[int]]:
    return {
        frozenset(force.getBondParameters(index)[:2])
        for force in forces
        if isinstance(force, openmm.HarmonicBondForce)
        for index in range(force.getNumBonds())
    }


def remove_nonbonded(system: openmm.System, region: Region) -> None:
    """Excludes all pairs of the region from the nonbonded forces of a System."""
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            for i, j in itertools.combinations(region.atoms, 2):
                force.addException(i, j, 0.0, 1.0, 0.0, True)
        elif isinstance(force, openmm.CustomNonbondedForce):
            known = excluded_pairs(force)
            for i, j in itertools.combinations(region.atoms, 2):
                if frozenset((i, j)) not in known:
                    force.addExclusion(i, j)


def interpolation_force(system: openmm.System, region: Region, bonded: list[openmm.Force]) -> openmm.CustomCVForce:
    """(1 - lambda) times the bonded energy of the region, minus lambda times the nonbonded energy of its pairs."""
    force = openmm.CustomCVForce("0")
    force.setName("ClassicalInterpolation")
    force.addGlobalParameter(LAMBDA, 1.0)
    force.addEnergyParameterDerivative(LAMBDA)
    names: dict[str, list[str]] = {"bonded": [], "pairs": []}
    for kind, inner in [("bonded", bonded), ("pairs", pair_forces(system, region))]:
        for part in inner:
            name = f"{kind}{len(names[kind])}"
            force.addCollectiveVariable(name, part)
            names[kind].append(name)
    within = " + ".join(["0", *names["bonded"]])
    among = " + ".join(["0", *names["pairs"]])
    force.setEnergyFunction(f"(1 - {LAMBDA}) * ({within}) - {LAMBDA} * ({among})")
    return force
