# SPDX-License-Identifier: MIT
"""Energy conservation in OpenMM: alanine dipeptide by a model, in vacuum and in water by a classical force field.

    mlip-export examples/organic/organic.ckpt -o organic.pt
    python benchmarks/nve/run_openmm.py organic.pt -o nve_out

The water is rigid (TIP3P), the dipeptide flexible; beside the mixed system and one between it and the classical one
runs the classical system itself, on the same platform, which says what the surroundings alone do. After 2 ps of
Langevin dynamics every system runs with velocity Verlet at 0.5 fs, and again at 0.25 fs from the same state: the
fluctuation of the total energy falls with the square of the step where forces are the gradient of the energy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import openmm
import typer
from numpy.typing import NDArray
from openmm import app, unit
from rich.console import Console
from rich.table import Table

import mlipkit.openmm
from common.conservation import drift, fluctuation

START = Path(__file__).resolve().parents[2] / "examples" / "organic" / "alanine_dipeptide.pdb"
STEP = 0.0005  # ps
OPTIONS = {"precision": "mixed", "threads": 1}


def vacuum(model: Path) -> tuple[openmm.System, NDArray[np.float64]]:
    pdb = app.PDBFile(str(START))
    system = mlipkit.openmm.createSystem(pdb.topology, model, **OPTIONS)
    return system, pdb.getPositions(asNumpy=True)._value


def in_water(model: Path) -> dict[str, tuple[openmm.System, NDArray[np.float64]]]:
    """The classical system, the mixed one, and one half way between."""
    pdb = app.PDBFile(str(START))
    field = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    modeller = app.Modeller(pdb.topology, pdb.positions)
    modeller.addSolvent(field, padding=0.8 * unit.nanometer)
    classical = field.createSystem(
        modeller.topology,
        nonbondedMethod=app.PME,
        nonbondedCutoff=0.8 * unit.nanometer,
        switchDistance=0.7 * unit.nanometer,
        ewaldErrorTolerance=1e-6,
    )
    peptide = [atom.index for atom in modeller.topology.atoms() if atom.residue.name in ("ACE", "ALA", "NME")]
    arguments = (modeller.topology, classical, peptide, model)
    systems = {
        "water, classical": classical,
        "water, mixed": mlipkit.openmm.createMixedSystem(*arguments, **OPTIONS),
        "water, half mixed": mlipkit.openmm.createMixedSystem(*arguments, interpolate=True, **OPTIONS),
    }
    positions = np.array(modeller.positions.value_in_unit(unit.nanometer))
    return {name: (system, positions) for name, system in systems.items()}


def context_of(system: openmm.System, integrator: openmm.Integrator, platform: str) -> openmm.Context:
    integrator.setConstraintTolerance(1e-7)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform))
    if "lambda_interpolate" in context.getParameters():
        context.setParameter("lambda_interpolate", 0.5)
    return context


def equilibrated(system: openmm.System, positions: NDArray[np.float64], platform: str) -> openmm.State:
    """After 2 ps at 300 K."""
    context = context_of(system, openmm.LangevinMiddleIntegrator(300, 5, STEP), platform)
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=100)
    context.setVelocitiesToTemperature(300, 1)
    context.getIntegrator().step(round(2 / STEP))
    return context.getState(positions=True, velocities=True)


def trajectory(
    system: openmm.System, start: openmm.State, platform: str, step: float, picoseconds: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in ps and total energies per particle in eV, every 2 fs."""
    context = context_of(system, openmm.VerletIntegrator(step), platform)
    context.setState(start)
    every, energies = round(0.002 / step), []
    for _ in range(round(picoseconds / 0.002)):
        context.getIntegrator().step(every)
        state = context.getState(energy=True)
        energies.append((state.getPotentialEnergy() + state.getKineticEnergy())._value)
    energy = np.array(energies) / 96.48533212331 / system.getNumParticles()
    return 0.002 * np.arange(1, len(energies) + 1), energy - energy[0]


def main(
    model: Path,
    output: Annotated[Path, typer.Option("-o", "--output")] = Path("nve_out"),
    picoseconds: float = 5.0,
    platform: str = "CPU",
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    table = Table(title=f"NVE in OpenMM, platform {platform}, {picoseconds} ps at {1e3 * STEP} fs")
    for column in ("system", "particles", "drift (eV/atom/ps)", "standard error", "fluctuation (eV/atom)", "ratio"):
        table.add_column(column, justify="right")
    results = []
    for name, (system, positions) in {"vacuum, model": vacuum(model), **in_water(model)}.items():
        start = equilibrated(system, positions, platform)
        time, energy = trajectory(system, start, platform, STEP, picoseconds)
        window = min(2.0, picoseconds)
        fine = trajectory(system, start, platform, STEP / 2, window)
        slope, error = drift(time, energy)
        size = fluctuation(time[time <= window], energy[time <= window])
        results.append({"system": name, "particles": len(positions), "drift": slope, "drift_error": error,
                        "fluctuation": size, "fluctuation_ratio": size / fluctuation(*fine)})  # fmt: skip
        (output / "openmm.json").write_text(json.dumps(results, indent=2) + "\n")
        print(json.dumps(results[-1]), flush=True)
        table.add_row(name, str(len(positions)), f"{slope:.2e}", f"{error:.1e}", f"{size:.2e}",
                      f"{results[-1]['fluctuation_ratio']:.2f}")  # fmt: skip
    Console().print(table)
    Console().print(f"ratio: of the fluctuation to that at {500 * STEP} fs (4 expected)")


if __name__ == "__main__":
    typer.run(main)
