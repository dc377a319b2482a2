# SPDX-License-Identifier: MIT
"""One process of the torchforce benchmark: steps of one program. The one with the Torch plugin knows no mlipkit."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch  # before OpenMM, which loads the Torch plugin when it is imported

from common.process import memory_mib
from common.workers import serve

EV = 96.48533212331002  # kJ/mol
TIMESTEP = 1e-5  # ps: positions change in every step, and stay where they are


def openmm_steps(force: Any, arrays: Any) -> tuple[Callable[[int], object], np.ndarray]:
    """Steps of velocity Verlet on OpenMM's CPU platform with one thread, and the forces at the beginning."""
    import openmm

    system = openmm.System()
    for mass in arrays["masses"]:
        system.addParticle(float(mass))
    system.setDefaultPeriodicBoxVectors(*arrays["box"])
    system.addForce(force)
    integrator = openmm.VerletIntegrator(TIMESTEP)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("CPU"), {"Threads": "1"})
    context.setPositions(arrays["positions"])
    forces = context.getState(forces=True).getForces(asNumpy=True)._value

    def step(_: int, kept: Any = context) -> None:
        integrator.step(1)

    return step, forces


def torch_steps(file: Path, arrays: Any) -> tuple[Callable[[int], object], np.ndarray]:
    """What TorchForce asks of a file."""
    module = torch.jit.load(str(file))
    box = torch.tensor(arrays["box"])

    def gradient(number: int) -> torch.Tensor:
        positions = torch.tensor(arrays["positions"] + 1e-6 * number, requires_grad=True)
        module(positions, box).backward()
        assert positions.grad is not None
        return positions.grad

    return gradient, -gradient(0).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=["MLIPForce", "torch alone", "TorchForce"])
    parser.add_argument("file", type=Path)
    parser.add_argument("arrays", type=Path)
    parser.add_argument("--precision", required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arrays = np.load(arguments.arrays)
    if arguments.program == "torch alone":
        step, forces = torch_steps(arguments.file, arrays)
    elif arguments.program == "TorchForce":
        import openmmtorch

        force = openmmtorch.TorchForce(str(arguments.file))
        force.setUsesPeriodicBoundaryConditions(True)
        step, forces = openmm_steps(force, arrays)
    else:
        from mlipkit.openmm import MLIPForce

        symbols = [str(symbol) for symbol in arrays["symbols"]]
        options = {"precision": arguments.precision, "threads": 1}
        step, forces = openmm_steps(MLIPForce(arguments.file, symbols, periodic=True, **options), arrays)
    for number in range(5):  # TorchScript compiles itself in the first ones
        step(number)
    serve({"step": step}, {"forces": (forces / (10 * EV)).tolist(), "memory": memory_mib(peak=True)})


if __name__ == "__main__":
    main()
