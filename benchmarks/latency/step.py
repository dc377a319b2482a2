# SPDX-License-Identifier: MIT
"""One process of the latency benchmark: a few atoms in every host and in mace-torch, in turns."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from common import ours, theirs
from common.process import answer
from common.structures import droplet
from common.timing import alternate

TIMESTEP = 1e-5  # ps: positions change in every step, and stay where they are


def openmm_steps(artifact: Path, atoms: Atoms, precision: str) -> Callable[[int], object]:
    """Steps of velocity Verlet on OpenMM's CPU platform with one thread."""
    import openmm

    from mlipkit.openmm import MLIPForce

    system = openmm.System()
    for mass in atoms.get_masses():
        system.addParticle(mass)
    symbols = atoms.get_chemical_symbols()
    system.addForce(MLIPForce(artifact, symbols=symbols, periodic=False, precision=precision, threads=1))
    integrator = openmm.VerletIntegrator(TIMESTEP)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1"})
    context.setPositions(atoms.positions / 10)

    def step(_: int, kept: openmm.Context = context) -> None:
        integrator.step(1)

    return step


def with_positions(atoms: Atoms, evaluate: ours.Evaluation) -> Callable[[int], object]:
    """Other positions in every call, as calculators keep results of the same ones."""
    moved: list[NDArray[np.float64]] = [atoms.positions + 1e-5 * k for k in range(2)]
    calls = 0

    def call(_: int) -> object:
        nonlocal calls
        calls += 1
        return evaluate(moved[calls % 2])

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mace", type=Path)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--atoms", type=int, required=True)
    parser.add_argument("--precision", default="single")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--shortest", type=float, default=0.05)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    atoms, precision = droplet(arguments.atoms), arguments.precision
    makers = {
        "engine": lambda: ours.engine(arguments.artifact, atoms, precision),
        "ase": lambda: ours.calculator(arguments.artifact, atoms, precision),
        "mace-torch TorchScript": lambda: theirs.torchscript(arguments.mace, atoms, precision),
        "mace-torch calculator": lambda: theirs.calculator(arguments.mace, atoms, precision),
    }
    evaluations, forces, failed = {}, {}, {}
    for name, make in makers.items():
        try:
            evaluate = make()
            forces[name] = evaluate(atoms.positions)[1]
        except Exception as error:  # a program that cannot do without edges is a result too
            failed[name] = f"{type(error).__name__}: {error}"[:1000]
            continue
        evaluations[name] = evaluate
    difference = max(float(np.abs(found - forces["engine"]).max()) for found in forces.values())
    cases = {name: with_positions(atoms, evaluate) for name, evaluate in evaluations.items()}
    try:
        cases["openmm"] = openmm_steps(arguments.artifact, atoms, precision)
    except ImportError as error:  # an optional host
        failed["openmm"] = str(error)
    timings = alternate(cases, arguments.repeats, warmup=3, shortest=arguments.shortest)
    times = {name: timing.per(1) for name, timing in timings.items()}
    answer({"times": times, "difference": difference, "failed": failed})


if __name__ == "__main__":
    main()
