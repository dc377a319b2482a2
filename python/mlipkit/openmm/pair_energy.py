# SPDX-License-Identifier: MIT
"""The nonbonded energy among the particles of a region, as forces with the formulas of those of the System."""

from __future__ import annotations

import itertools

import openmm
from openmm import unit

from mlipkit.openmm.region import Region

# kJ nm/(mol e^2), from the constants with which OpenMM is compiled (CODATA 2018).
COULOMB = 1.602176634e-19**2 * 6.02214076e23 / (4 * 3.141592653589793 * 8.8541878128e-12) * 1e6
COULOMB_PLAIN = "coulomb * chargeprod / r"
LENNARD_JONES = "4 * epsilon * ((sigma / r)^12 - (sigma / r)^6)"
EWALD = (openmm.NonbondedForce.Ewald, openmm.NonbondedForce.PME)


def pair_forces(system: openmm.System, region: Region) -> list[openmm.Force]:
    """Forces whose energies are those of the pairs in the region, one or more for each nonbonded force of the System.

    Raises:
        ValueError: a nonbonded force with dispersion on a grid (LJPME), or charges that depend on global parameters.
    """
    found: list[openmm.Force] = []
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            found += [part for part in _standard(force, region) if part.getNumBonds()]
        elif isinstance(force, openmm.CustomNonbondedForce):
            found.append(_custom(force, region))
    return found


def _standard(force: openmm.NonbondedForce, region: Region) -> list[openmm.CustomBondForce]:
    """Pairs as any others, and exceptions, which know no cutoff."""
    if force.getNonbondedMethod() == openmm.NonbondedForce.LJPME:
        raise ValueError("interpolate=True needs a NonbondedForce without LJPME; use PME")
    if force.getNumParticleParameterOffsets() or force.getNumExceptionParameterOffsets():
        raise ValueError(
            "interpolate=True needs a NonbondedForce without parameter offsets; interpolate first, and make charges "
            "depend on parameters afterwards"
        )
    regular = _bond_force(_formula(force), force.usesPeriodicBoundaryConditions())
    special = _bond_force(f"{COULOMB_PLAIN} + {LENNARD_JONES}", force.getExceptionsUsePeriodicBoundaryConditions())
    exceptions = set()
    for index in range(force.getNumExceptions()):
        i, j, *parameters = force.getExceptionParameters(index)
        if region.holds((i, j)):
            exceptions.add(frozenset((i, j)))
            if parameters[0]._value != 0.0 or parameters[2]._value != 0.0:
                special.addBond(i, j, parameters)
    particles = {
        i: [value.value_in_unit_system(unit.md_unit_system) for value in force.getParticleParameters(i)]
        for i in region.atoms
    }
    for i, j in itertools.combinations(region.atoms, 2):
        if frozenset((i, j)) not in exceptions:
            (q, s, e), (other_q, other_s, other_e) = particles[i], particles[j]
            regular.addBond(i, j, [q * other_q, 0.5 * (s + other_s), (e * other_e) ** 0.5])
    return [regular, special]


def _bond_force(formula: str, periodic: bool) -> openmm.CustomBondForce:
    force = openmm.CustomBondForce(formula)
    force.addGlobalParameter("coulomb", COULOMB)
    for name in ("chargeprod", "sigma", "epsilon"):
        force.addPerBondParameter(name)
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force


def _formula(force: openmm.NonbondedForce) -> str:
    """Energy of a pair. Ewald sums count the whole Coulomb energy of a pair, beyond the cutoff too."""
    method = force.getNonbondedMethod()
    if method == openmm.NonbondedForce.NoCutoff:
        return f"{COULOMB_PLAIN} + {LENNARD_JONES}"
    cutoff = force.getCutoffDistance().value_in_unit(unit.nanometer)
    switch = "1"
    if force.getUseSwitchingFunction():
        start = force.getSwitchingDistance().value_in_unit(unit.nanometer)
        switch = f"1 - 10 * x^3 + 15 * x^4 - 6 * x^5; x = max(0, (r - {start!r}) / {cutoff - start!r})"
    if method in EWALD:
        return (
            f"{COULOMB_PLAIN} + within * ({LENNARD_JONES}) * switch; within = step({cutoff!r} - r); switch = {switch}"
        )
    dielectric = force.getReactionFieldDielectric()
    k = (dielectric - 1) / (2 * dielectric + 1) / cutoff**3
    c = 3 * dielectric / (2 * dielectric + 1) / cutoff
    return (
        f"within * (coulomb * chargeprod * (1 / r + {k!r} * r^2 - {c!r}) + ({LENNARD_JONES}) * switch); "
        f"within = step({cutoff!r} - r); switch = {switch}"
    )


def _custom(force: openmm.CustomNonbondedForce, region: Region) -> openmm.CustomNonbondedForce:
    """A copy for pairs of the region alone."""
    inner = openmm.XmlSerializer.clone(force)
    groups = [force.getInteractionGroupParameters(index) for index in range(force.getNumInteractionGroups())]
    inside = region.inside
    if not groups:
        inner.addInteractionGroup(inside, inside)
    for index, (one, other) in enumerate(groups):
        inner.setInteractionGroupParameters(index, inside.intersection(one), inside.intersection(other))
    inner.setUseLongRangeCorrection(False)
    return inner


def excluded_pairs(force: openmm.CustomNonbondedForce) -> set[frozenset[int]]:
    """Pairs that the force leaves out."""
    return {frozenset(force.getExclusionParticles(index)) for index in range(force.getNumExclusions())}
