# SPDX-License-Identifier: MIT
"""Bulk water by a model at constant pressure: density and its plot.

    python examples/openmm/water_npt.py demo_out/water.pt --steps 10000

The model is that of ``make demo``, or any other for H and O. Starts from 64 molecules of examples/water; writes
water_npt.pdb, water_npt.dcd, water_npt.csv and density.png.
"""

from __future__ import annotations

import argparse
import csv
import io
import lzma
import sys
from pathlib import Path

import ase.io
import matplotlib.pyplot as plt
import openmm
from openmm import app, unit

import mlipkit.openmm

DATA = Path(__file__).parents[1] / "water" / "water_64.extxyz.xz"


def start() -> tuple[app.Topology, object]:
    """Topology with the bonds of the molecules, by which the barostat moves them, and positions."""
    with lzma.open(DATA, "rt") as stream:
        frames = ase.io.read(io.StringIO(stream.read()), ":", format="extxyz")
    atoms = next(frame for frame in frames if abs(frame.cell.angles() - 90).max() < 1e-6)
    topology = app.Topology()
    chain = topology.addChain()
    for _ in range(len(atoms) // 3):
        residue = topology.addResidue("HOH", chain)
        oxygen, *hydrogens = (topology.addAtom(n, app.Element.getBySymbol(n[0]), residue) for n in ("O", "H1", "H2"))
        for hydrogen in hydrogens:
            topology.addBond(oxygen, hydrogen)
    topology.setPeriodicBoxVectors(atoms.cell.array * unit.angstrom)
    return topology, atoms.positions * unit.angstrom


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="artifact for H and O")
    parser.add_argument("--steps", type=int, default=10_000, help="of 0.5 fs")
    parser.add_argument("--platform", default="CPU")
    arguments = parser.parse_args()

    topology, positions = start()
    system = mlipkit.openmm.createSystem(topology, arguments.model)
    system.addForce(openmm.MonteCarloBarostat(1 * unit.bar, 300 * unit.kelvin, 10))
    integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 0.5 * unit.femtosecond)
    simulation = app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName(arguments.platform))
    simulation.context.setPositions(positions)
    simulation.context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    with open("water_npt.pdb", "w") as stream:
        app.PDBFile.writeFile(topology, positions, stream)
    interval = max(1, arguments.steps // 100)
    columns = {"step": True, "temperature": True, "potentialEnergy": True, "density": True, "speed": True}
    simulation.reporters += [
        app.DCDReporter("water_npt.dcd", 50),
        app.StateDataReporter("water_npt.csv", 10, **columns),
        app.StateDataReporter(sys.stdout, interval, remainingTime=True, totalSteps=arguments.steps, **columns),
    ]
    simulation.step(arguments.steps)

    with open("water_npt.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    axes.plot([int(row['#"Step"']) * 5e-4 for row in rows], [float(row["Density (g/mL)"]) for row in rows])
    axes.set(xlabel="time (ps)", ylabel="density (g/cm$^3$)")
    figure.savefig("density.png", dpi=150)


if __name__ == "__main__":
    main()
