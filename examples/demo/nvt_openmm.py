# SPDX-License-Identifier: MIT
"""NVT molecular dynamics of liquid water with the freshly trained model in OpenMM.

python nvt_openmm.py model.pt water.pdb 1000; writes openmm.csv and openmm.pdb.
"""

from __future__ import annotations

import sys

import openmm
from openmm import app, unit

from mlipkit.openmm import MLIPForce

model, start, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
pdb = app.PDBFile(start)
system = openmm.System()
for atom in pdb.topology.atoms():
    system.addParticle(atom.element.mass)
system.setDefaultPeriodicBoxVectors(*pdb.topology.getPeriodicBoxVectors())
system.addForce(MLIPForce(model, topology=pdb.topology))

integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 20 / unit.picosecond, 0.5 * unit.femtosecond)
integrator.setRandomNumberSeed(4928459)
platform = openmm.Platform.getPlatformByName("CPU")
simulation = app.Simulation(pdb.topology, system, integrator, platform, {"Threads": "1"})
simulation.context.setPositions(pdb.positions)
simulation.context.setVelocitiesToTemperature(300 * unit.kelvin, 4928459)
columns = {"step": True, "temperature": True, "potentialEnergy": True, "elapsedTime": True}
simulation.reporters.append(app.StateDataReporter("openmm.csv", 10, **columns))
simulation.reporters.append(app.PDBReporter("openmm.pdb", 10))
progress = {"progress": True, "remainingTime": True, "speed": True, "temperature": True, "totalSteps": steps}
simulation.reporters.append(app.StateDataReporter(sys.stdout, max(1, steps // 10), **progress))
simulation.step(steps)
