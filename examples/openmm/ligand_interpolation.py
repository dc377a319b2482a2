# SPDX-License-Identifier: MIT
"""Paracetamol in water, from a classical force field to a model: the mean of dU/dlambda and its integral.

    python examples/openmm/ligand_interpolation.py organic.pt --steps 5000

Thermodynamic integration of the difference of free energies in water; subtract that of the same script with --vacuum
for the correction to a free energy of hydration. Energies of isolated atoms are taken out with those of the start.
Writes interpolation.csv and interpolation.png.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import openmm
from openmm import app, unit
from scipy.integrate import trapezoid

import mlipkit.openmm

ORGANIC = Path(__file__).parents[1] / "organic"


def simulation_of(model: str, vacuum: bool, platform: str) -> app.Simulation:
    pdb = app.PDBFile(str(ORGANIC / "paracetamol.pdb"))
    field = app.ForceField("amber14-all.xml", "amber14/tip3p.xml", str(ORGANIC / "paracetamol.xml"))
    modeller = app.Modeller(pdb.topology, pdb.positions)
    options = {"nonbondedMethod": app.NoCutoff}
    if not vacuum:
        modeller.addSolvent(field, padding=1.0 * unit.nanometer)
        options = {"nonbondedMethod": app.PME, "nonbondedCutoff": 0.9 * unit.nanometer}
    classical = field.createSystem(modeller.topology, **options)  # rigid water; bonds of the ligand are flexible
    ligand = [atom.index for atom in modeller.topology.atoms() if atom.residue.name == "LIG"]
    system = mlipkit.openmm.createMixedSystem(
        modeller.topology, classical, ligand, model, interpolate=True, precision="mixed", threads=1
    )
    integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 1 * unit.femtosecond)
    simulation = app.Simulation(modeller.topology, system, integrator, openmm.Platform.getPlatformByName(platform))
    simulation.context.setPositions(modeller.positions)
    simulation.minimizeEnergy(maxIterations=100)
    simulation.context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    return simulation


def slope(simulation: app.Simulation) -> float:
    """dU/dlambda in kJ/mol."""
    state = simulation.context.getState(parameterDerivatives=True)
    return float(state.getEnergyParameterDerivatives()["lambda_interpolate"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="artifact for H, C, N, O")
    parser.add_argument(
        "--steps", type=int, default=5_000, help="of 1 fs, for each lambda; the first fifth is left out"
    )
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--vacuum", action="store_true")
    parser.add_argument("--platform", default="CPU")
    arguments = parser.parse_args()

    simulation = simulation_of(arguments.model, arguments.vacuum, arguments.platform)
    offset = slope(simulation)
    rows = []
    for factor in np.linspace(1, 0, arguments.windows):
        simulation.context.setParameter("lambda_interpolate", factor)
        simulation.step(arguments.steps // 5)
        values = []
        for _ in range(max(2, arguments.steps * 4 // 5 // 20)):
            simulation.step(20)
            values.append(slope(simulation) - offset)
        rows.append((factor, np.mean(values), np.std(values) / np.sqrt(len(values))))
        print("lambda {:.2f}: dU/dlambda = {:9.3f} +- {:.3f} kJ/mol".format(*rows[-1]))
    factors, means, errors = np.array(rows[::-1]).T
    print(f"integral: {trapezoid(means, factors):.3f} kJ/mol, relative to {offset:.3f} kJ/mol")
    with open("interpolation.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([("lambda", "mean_kJ_per_mol", "standard_error"), *rows])
    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    axes.errorbar(factors, means, errors, marker="o", capsize=3)
    axes.set(xlabel="lambda (0: classical, 1: model)", ylabel="mean dU/dlambda (kJ/mol)")
    figure.savefig("interpolation.png", dpi=150)


if __name__ == "__main__":
    main()
