# SPDX-License-Identifier: MIT
"""The same frames in every engine, in double precision: how far forces differ."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import openmm
from analysis import Array
from ase import Atoms
from openmm import unit

from mlipkit import MLIPCalculator
from mlipkit.openmm import MLIPForce

KJ_PER_MOL = 1.0 / 96.48533212331  # eV, from the exact constants of 2019; those of ASE differ in the ninth digit


def largest_differences(frames: list[Atoms], model: Path) -> dict[str, float]:
    """Largest difference of a force component between each two engines, eV/angstrom.

    Args:
        frames: with the forces of LAMMPS in ``arrays['lammps_forces']``.
        model: the artifact.
    """
    forces = {
        "LAMMPS": np.array([atoms.arrays["lammps_forces"] for atoms in frames]),
        "ASE": _ase(frames, model),
        "OpenMM Reference": _openmm(frames, model, "Reference"),
        "OpenMM CPU": _openmm(frames, model, "CPU"),
    }
    return {f"{a} - {b}": float(np.abs(forces[a] - forces[b]).max()) for a, b in combinations(forces, 2)}


def _ase(frames: list[Atoms], model: Path) -> Array:
    calculator = MLIPCalculator(str(model), precision="double")
    return np.array([calculator.get_forces(atoms) for atoms in frames])


def _openmm(frames: list[Atoms], model: Path, platform: str) -> Array:
    first = frames[0]
    system = openmm.System()
    for mass in first.get_masses():
        system.addParticle(mass)
    system.setDefaultPeriodicBoxVectors(*first.cell.array / 10)
    system.addForce(
        MLIPForce(model, symbols=first.get_chemical_symbols(), periodic=True, precision="double", threads=1)
    )
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName(platform))
    found = []
    for atoms in frames:
        context.setPeriodicBoxVectors(*atoms.cell.array / 10)
        context.setPositions(atoms.positions / 10)
        state = context.getState(forces=True)
        per_nm = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
        found.append(per_nm * KJ_PER_MOL / 10)
    return np.array(found)
