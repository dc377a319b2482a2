# SPDX-License-Identifier: MIT
"""Ten atoms in OpenMM, on the platforms that are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlipkit.doctor.probes import Answer, answer, one_line

KJ_PER_MOL = 96.48533212331002  # in one eV (CODATA 2018, exact)


def openmm_atoms(content: Answer, arguments: list[str]) -> None:
    atoms = json.loads(Path(arguments[0]).read_text())
    for name in arguments[1:]:
        try:
            content[name] = on_platform(atoms, name)
        except Exception as error:
            content[f"{name}_error"] = one_line(error)


def on_platform(atoms: dict[str, Any], name: str) -> dict[str, Any]:
    """Energy (eV) and forces (eV/angstrom) of the atoms."""
    import openmm

    from mlipkit.openmm import MLIPForce

    system = openmm.System()
    for symbol in atoms["symbols"]:
        system.addParticle(atoms["masses"][symbol])
    options: dict[str, Any] = {"task": atoms["task"]} if atoms["task"] else {}
    options |= atoms["conditions"]
    symbols, precision = atoms["symbols"], atoms["precision"]
    system.addForce(MLIPForce(atoms["model"], symbols=symbols, periodic=False, precision=precision, **options))
    platform = openmm.Platform.getPlatformByName(name)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions([[0.1 * value for value in position] for position in atoms["positions"]])
    state = context.getState(getEnergy=True, getForces=True)
    energy = state.getPotentialEnergy().value_in_unit(openmm.unit.kilojoule_per_mole) / KJ_PER_MOL
    units = openmm.unit.kilojoule_per_mole / openmm.unit.nanometer
    forces = state.getForces(asNumpy=True).value_in_unit(units) / (10.0 * KJ_PER_MOL)
    return {"energy": float(energy), "forces": forces.tolist()}


if __name__ == "__main__":
    answer(openmm_atoms)
