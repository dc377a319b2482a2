# SPDX-License-Identifier: MIT
"""The classical energy within a region: taken out of a System, or made to fade with a parameter.

Interpolation leaves the nonbonded forces of the System as they are and subtracts lambda times the energy of the pairs
in the region, so that nothing but rounding separates lambda = 0 from the classical System.
"""

from __future__ import annotations

import copy
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
        if element.attrib["type"] not in BONDED:
            continue
        inner = copy.deepcopy(element)
        found = _keep(inner, lambda term: region.holds(_particles(term)))
        _keep(element, lambda term: not region.holds(_particles(term)))
        if found:
            taken.append(openmm.XmlSerializer.deserialize(ElementTree.tostring(inner, encoding="unicode")))
    return taken


def _keep(element: ElementTree.Element, wanted) -> int:  # type: ignore[no-untyped-def]
    """Removes terms that are not wanted; the number of those that stay."""
    stay = 0
    for group in element:
        terms = [term for term in group if term.tag in TERMS]
        for term in terms:
            if wanted(term):
                stay += 1
            else:
                group.remove(term)
    return stay


def take_constraints(tree: ElementTree.Element, region: Region, bonded: list[openmm.Force] | None) -> None:
    """Removes the constraints of the region; with ``bonded``, a bond there must take the place of each."""
    constraints = tree.find("Constraints")
    inner = [] if constraints is None else [term for term in constraints if region.holds(_particles(term))]
    for term in inner:
        if bonded is not None and frozenset(_particles(term)) not in _bonds(bonded):
            i, j = _particles(term)
            raise ValueError(
                f"particles {i} and {j} are held by a constraint and by no bond of the force field, so nothing would "
                "hold them when lambda_interpolate is 0; create the System with constraints=None and rigidWater=False, "
                "or with flexibleConstraints=True, or give removeConstraints=False"
            )
        assert constraints is not None
        constraints.remove(term)


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
