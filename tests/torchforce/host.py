# SPDX-License-Identifier: MIT
"""A user's script with TorchForce, run by a Python that has openmmtorch and no mlipkit: see test_torchforce_plugin.py.

Reads from standard input a JSON object: ``file``, ``masses``, ``frames`` (positions and box, nm; no box: no images),
``platform`` and ``steps``. Prints a JSON object: energies and forces of the frames (kJ/mol, nm), and the total energies
of a short simulation that begins with the last one.
"""

import json
import sys

import torch  # noqa: F401  (first of the three: OpenMM loads its plugins when it is imported, and they need torch)

import openmm  # isort: skip
import openmmtorch  # isort: skip

given = json.load(sys.stdin)
periodic = given["frames"][0]["box"] is not None

system = openmm.System()
for mass in given["masses"]:
    system.addParticle(mass)
torchforce = openmmtorch.TorchForce(given["file"])
torchforce.setUsesPeriodicBoundaryConditions(periodic)
system.addForce(torchforce)
integrator = openmm.VerletIntegrator(0.0001)
context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(given["platform"]))


def state():
    found = context.getState(energy=True, forces=True)
    energy = found.getPotentialEnergy()._value
    return energy, energy + found.getKineticEnergy()._value, found.getForces(asNumpy=True)._value.tolist()


states = []
for frame in given["frames"]:
    if periodic:
        context.setPeriodicBoxVectors(*frame["box"])
    context.setPositions(frame["positions"])
    states.append(state())
totals = []
for _ in range(given["steps"]):
    integrator.step(1)
    totals.append(state()[1])
print(json.dumps({"energies": [s[0] for s in states], "forces": [s[2] for s in states], "totals": totals}))
