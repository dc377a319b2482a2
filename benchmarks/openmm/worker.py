# SPDX-License-Identifier: MIT
"""One process of the openmm benchmark: steps of one program. The one with the Torch plugin knows no mlipkit."""

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
Steps = tuple[Callable[[int], object], np.ndarray]  # does one step; forces at the beginning, eV/angstrom


def openmm_steps(force: Any, arrays: Any, arguments: argparse.Namespace) -> Steps:
    """Velocity Verlet."""
    import openmm

    system = openmm.System()
    for mass in arrays["masses"]:
        system.addParticle(float(mass))
    if "box" in arrays:
        system.setDefaultPeriodicBoxVectors(*arrays["box"])
    system.addForce(force)
    integrator = openmm.VerletIntegrator(TIMESTEP)
    platform = openmm.Platform.getPlatformByName(arguments.platform)
    properties = {"Threads": str(arguments.threads)} if arguments.platform == "CPU" else {"Precision": "mixed"}
    context = openmm.Context(system, integrator, platform, properties)
    context.setPositions(arrays["positions"])
    forces = context.getState(forces=True).getForces(asNumpy=True)._value / (10 * EV)

    def step(_: int, kept: Any = context) -> None:
        integrator.step(1)

    return step, forces


def device(arguments: argparse.Namespace) -> str:
    """Where the model runs."""
    return "cuda" if arguments.platform == "CUDA" else "cpu"


def calculator(arguments: argparse.Namespace, arrays: Any) -> Any:
    """A structure with the artifact as its calculator."""
    from ase import Atoms

    from mlipkit import MLIPCalculator

    periodic = "box" in arrays
    cell = 10 * arrays["box"] if periodic else None
    symbols = [str(symbol) for symbol in arrays["symbols"]]
    atoms = Atoms(symbols, 10 * arrays["positions"], cell=cell, pbc=periodic)
    options = {"precision": arguments.precision, "threads": arguments.threads, "device": device(arguments)}
    atoms.calc = MLIPCalculator(arguments.file, **options)
    return atoms


def ase_steps(arguments: argparse.Namespace, arrays: Any) -> Steps:
    from ase import units
    from ase.md.verlet import VelocityVerlet

    atoms = calculator(arguments, arrays)
    forces = atoms.get_forces()
    dynamics = VelocityVerlet(atoms, timestep=1000 * TIMESTEP * units.fs)
    return lambda _: dynamics.run(1), forces


def python_steps(arguments: argparse.Namespace, arrays: Any) -> Steps:
    """PythonForce as one writes it for an ASE calculator."""
    import openmm

    atoms = calculator(arguments, arrays)

    def compute(state: Any) -> tuple[float, np.ndarray]:
        atoms.positions = 10 * state.getPositions(asNumpy=True)._value
        if "box" in arrays:
            atoms.set_cell(10 * state.getPeriodicBoxVectors(asNumpy=True)._value)
        return EV * atoms.get_potential_energy(), 10 * EV * atoms.get_forces()

    force = openmm.PythonForce(compute)
    force.setUsesPeriodicBoundaryConditions("box" in arrays)
    return openmm_steps(force, arrays, arguments)


def native_steps(arguments: argparse.Namespace, arrays: Any) -> Steps:
    from mlipkit.openmm import MLIPForce

    symbols = [str(symbol) for symbol in arrays["symbols"]]
    options = {"precision": arguments.precision, "threads": arguments.threads, "device": device(arguments)}
    options["periodic"] = "box" in arrays
    return openmm_steps(MLIPForce(arguments.file, symbols, **options), arrays, arguments)


def plugin_steps(arguments: argparse.Namespace, arrays: Any) -> Steps:
    import openmmtorch

    force = openmmtorch.TorchForce(str(arguments.file))
    force.setUsesPeriodicBoundaryConditions("box" in arrays)
    return openmm_steps(force, arrays, arguments)


def torch_steps(arguments: argparse.Namespace, arrays: Any) -> Steps:
    """What TorchForce asks of a file."""
    module = torch.jit.load(str(arguments.file))
    box = [torch.tensor(arrays["box"])] if "box" in arrays else []

    def gradient(number: int) -> torch.Tensor:
        positions = torch.tensor(arrays["positions"] + 1e-6 * number, requires_grad=True)
        module(positions, *box).backward()
        assert positions.grad is not None
        return positions.grad

    return gradient, -gradient(0).numpy() / (10 * EV)


PROGRAMS = {
    "MLIPForce": native_steps,
    "PythonForce": python_steps,
    "ASE": ase_steps,
    "TorchForce": plugin_steps,
    "torch alone": torch_steps,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("file", type=Path)
    parser.add_argument("arrays", type=Path)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--platform", required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    step, forces = PROGRAMS[arguments.program](arguments, np.load(arguments.arrays))
    for number in range(5):  # TorchScript compiles itself in the first ones
        step(number)
    serve({"step": step}, {"forces": forces.tolist(), "memory": memory_mib(peak=True)})


if __name__ == "__main__":
    main()
