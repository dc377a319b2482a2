# SPDX-License-Identifier: MIT
"""Alanine dipeptide in vacuum: Langevin dynamics and a Ramachandran plot.

    mlip-export examples/organic/organic.ckpt -o organic.pt
    python examples/openmm/dipeptide_in_vacuum.py organic.pt --steps 200000

Writes dipeptide.dcd, dipeptide.csv and ramachandran.png; read the trajectory with
``mdtraj.load("dipeptide.dcd", top="examples/organic/alanine_dipeptide.pdb")`` or
``MDAnalysis.Universe("examples/organic/alanine_dipeptide.pdb", "dipeptide.dcd")``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import openmm
from openmm import app, unit

import mlipkit.openmm

START = Path(__file__).parents[1] / "organic" / "alanine_dipeptide.pdb"
PHI, PSI = ("ACE:C", "ALA:N", "ALA:CA", "ALA:C"), ("ALA:N", "ALA:CA", "ALA:C", "NME:N")


class TorsionReporter:
    """Keeps torsions of four particles each, in degrees."""

    def __init__(self, topology: app.Topology, interval: int, *torsions: tuple[str, ...]) -> None:
        index = {f"{atom.residue.name}:{atom.name}": atom.index for atom in topology.atoms()}
        self.atoms = np.array([[index[name] for name in torsion] for torsion in torsions])
        self.interval = interval
        self.angles: list[np.ndarray] = []

    def describeNextReport(self, simulation: app.Simulation) -> dict[str, object]:
        return {
            "steps": self.interval - simulation.currentStep % self.interval,
            "periodic": False,
            "include": ["positions"],
        }

    def report(self, simulation: app.Simulation, state: openmm.State) -> None:
        positions = state.getPositions(asNumpy=True)._value
        b0, b1, b2 = np.moveaxis(np.diff(positions[self.atoms], axis=1), 1, 0)
        n0, n1 = np.cross(b0, b1), np.cross(b1, b2)
        sine = np.einsum("ij,ij->i", b0, n1) * np.linalg.norm(b1, axis=1)
        self.angles.append(np.degrees(np.arctan2(sine, np.einsum("ij,ij->i", n0, n1))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="artifact for H, C, N, O")
    parser.add_argument("--steps", type=int, default=200_000, help="of 1 fs")
    parser.add_argument("--temperature", type=float, default=400.0, help="K")
    parser.add_argument("--platform", default="CPU")
    arguments = parser.parse_args()

    pdb = app.PDBFile(str(START))
    system = mlipkit.openmm.createSystem(pdb.topology, arguments.model, precision="mixed", threads=1)
    integrator = openmm.LangevinMiddleIntegrator(
        arguments.temperature * unit.kelvin, 1 / unit.picosecond, 1 * unit.femtosecond
    )
    platform = openmm.Platform.getPlatformByName(arguments.platform)
    simulation = app.Simulation(pdb.topology, system, integrator, platform)
    simulation.context.setPositions(pdb.positions)
    simulation.minimizeEnergy(maxIterations=50)
    simulation.context.setVelocitiesToTemperature(arguments.temperature * unit.kelvin, 1)
    torsions = TorsionReporter(pdb.topology, 20, PHI, PSI)
    interval = max(1, arguments.steps // 100)
    columns = {"step": True, "temperature": True, "potentialEnergy": True, "speed": True}
    simulation.reporters += [
        torsions,
        app.DCDReporter("dipeptide.dcd", 100),
        app.StateDataReporter("dipeptide.csv", 100, **columns),
        app.StateDataReporter(sys.stdout, interval, remainingTime=True, totalSteps=arguments.steps, **columns),
    ]
    simulation.step(arguments.steps)

    phi, psi = np.array(torsions.angles).T
    figure, axes = plt.subplots(figsize=(5, 4.5), layout="constrained")
    edges = np.linspace(-180, 180, 73)
    counts = axes.hist2d(phi, psi, bins=[edges, edges], cmin=1)[3]
    figure.colorbar(counts, label="frames")
    axes.set(xlabel="phi (degrees)", ylabel="psi (degrees)", title=f"{arguments.temperature:.0f} K", aspect="equal")
    figure.savefig("ramachandran.png", dpi=150)


if __name__ == "__main__":
    main()
