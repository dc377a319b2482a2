# SPDX-License-Identifier: MIT
"""One process of the latency benchmark: a few atoms in the hosts of mlipkit, or in mace-torch; steps when asked."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from common.structures import droplet
from common.workers import serve

Evaluation = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]  # of positions
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


def with_positions(atoms: Atoms, evaluate: Evaluation) -> Callable[[int], object]:
    """Other positions in every call, as calculators keep results of the same ones."""
    moved: list[NDArray[np.float64]] = [atoms.positions + 1e-5 * k for k in range(2)]
    calls = 0

    def call(_: int) -> object:
        nonlocal calls
        calls += 1
        return evaluate(moved[calls % 2])

    return call


def ours(artifact: Path, atoms: Atoms, precision: str) -> tuple[dict[str, Callable[[int], object]], dict[str, Any]]:
    """Cases of mlipkit, and forces."""
    from common import ours

    made = {"engine": ours.engine(artifact, atoms, precision), "ase": ours.calculator(artifact, atoms, precision)}
    forces = {name: evaluate(atoms.positions)[1].tolist() for name, evaluate in made.items()}
    cases = {name: with_positions(atoms, evaluate) for name, evaluate in made.items()}
    failed = {}
    try:
        cases["openmm"] = openmm_steps(artifact, atoms, precision)
    except (ImportError, FileNotFoundError) as error:  # an optional host
        failed["openmm"] = str(error)
    return cases, {"forces": forces, "failed": failed}


def theirs(model: Path, atoms: Atoms, precision: str) -> tuple[dict[str, Callable[[int], object]], dict[str, Any]]:
    """Cases of mace-torch, forces, and what failed."""
    from common import theirs

    cases, forces, failed = {}, {}, {}
    for name, make in {"TorchScript": theirs.torchscript, "calculator": theirs.calculator}.items():
        try:
            evaluate = make(model, atoms, precision)
            forces[f"mace-torch {name}"] = evaluate(atoms.positions)[1].tolist()
            cases[f"mace-torch {name}"] = with_positions(atoms, evaluate)
        except Exception as error:  # a program that cannot do without edges is a result too
            failed[f"mace-torch {name}"] = f"{type(error).__name__}: {error}"[:1000]
    return cases, {"forces": forces, "failed": failed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=["mlipkit", "mace-torch"])
    parser.add_argument("model", type=Path, help="artifact of mlipkit, or pickled module of mace-torch")
    parser.add_argument("--atoms", type=int, required=True)
    parser.add_argument("--precision", default="single")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    make = ours if arguments.program == "mlipkit" else theirs
    serve(*make(arguments.model, droplet(arguments.atoms), arguments.precision))


if __name__ == "__main__":
    main()
