# SPDX-License-Identifier: MIT
"""Alanine dipeptide by a model in TIP3P water by a classical force field, at constant pressure.

    python examples/openmm/dipeptide_in_water.py organic.pt --steps 20000

Writes mixed.pdb (the start, with water), mixed.dcd, mixed.csv, and at the end mixed.xml with state, from which
``simulation.loadState`` goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import openmm
from openmm import app, unit

import mlipkit.openmm

START = Path(__file__).parents[1] / "organic" / "alanine_dipeptide.pdb"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="artifact for H, C, N, O")
    parser.add_argument("--steps", type=int, default=20_000, help="of 1 fs")
    parser.add_argument("--platform", default="CPU")
    arguments = parser.parse_args()

    pdb = app.PDBFile(str(START))
    field = app.ForceField("amber14-all.xml", "amber14/tip3p.xml")
    modeller = app.Modeller(pdb.topology, pdb.positions)
    modeller.addSolvent(field, padding=1.0 * unit.nanometer)
    classical = field.createSystem(modeller.topology, nonbondedMethod=app.PME, nonbondedCutoff=0.9 * unit.nanometer)
    peptide = [atom.index for atom in modeller.topology.atoms() if atom.residue.name in ("ACE", "ALA", "NME")]
    system = mlipkit.openmm.createMixedSystem(
        modeller.topology, classical, peptide, arguments.model, precision="mixed", threads=1
    )
    system.addForce(openmm.MonteCarloBarostat(1 * unit.bar, 300 * unit.kelvin))

    integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 1 * unit.femtosecond)
    platform = openmm.Platform.getPlatformByName(arguments.platform)
    simulation = app.Simulation(modeller.topology, system, integrator, platform)
    simulation.context.setPositions(modeller.positions)
    with open("mixed.pdb", "w") as stream:
        app.PDBFile.writeFile(modeller.topology, modeller.positions, stream)
    simulation.minimizeEnergy(maxIterations=100)
    simulation.context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    interval = max(1, arguments.steps // 100)
    columns = {"step": True, "temperature": True, "potentialEnergy": True, "density": True, "speed": True}
    simulation.reporters += [
        app.DCDReporter("mixed.dcd", 100),
        app.StateDataReporter("mixed.csv", 100, **columns),
        app.StateDataReporter(sys.stdout, interval, remainingTime=True, totalSteps=arguments.steps, **columns),
    ]
    simulation.step(arguments.steps)
    simulation.saveState("mixed.xml")


if __name__ == "__main__":
    main()
