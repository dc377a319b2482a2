# SPDX-License-Identifier: MIT
"""One process of the inference benchmark: programs on one structure, called when asked, or the memory of one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from common.process import answer, memory_mib, reset_peak
from common.structures import structure
from common.workers import serve

Evaluation = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]


def program(name: str, arguments: argparse.Namespace, atoms: Atoms) -> Evaluation:
    """Opens the model in one of the programs."""
    if name == "mlipkit":
        from common import ours

        return ours.engine(arguments.artifact, atoms, arguments.precision, arguments.threads)
    from common import theirs

    makers = {"torchscript": theirs.torchscript, "compile": theirs.compiled, "calculator": theirs.calculator}
    return makers[name](arguments.mace, atoms, arguments.precision)


def moving(atoms: Atoms, evaluate: Evaluation) -> Callable[[int], object]:
    """The same structure with slightly other positions in every round, within its neighbour list's edges."""
    steps = np.random.default_rng(1).normal(0.0, 1e-4, (4, len(atoms), 3))
    return lambda number: evaluate(atoms.positions + steps[number % 4])


def evaluations(arguments: argparse.Namespace, atoms: Atoms) -> tuple[dict[str, Evaluation], dict[str, Any]]:
    """All programs that can be made; their energies and forces, and what failed."""
    made: dict[str, Evaluation] = {}
    info: dict[str, Any] = {"failed": {}, "energies": {}, "forces": {}}
    for name in arguments.programs:
        try:
            evaluate = program(name, arguments, atoms)
            energy, forces = evaluate(atoms.positions)
        except Exception as error:  # of whatever kind: a compiler that gives up is a result too
            if name == "mlipkit":
                raise
            info["failed"][name] = f"{type(error).__name__}: {error}"[:1000]
            continue
        made[name] = evaluate
        info["energies"][name], info["forces"][name] = energy, forces.tolist()
    return made, info


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of the first program alone, in MiB, in all and above what its imports take."""
    atoms = structure(arguments.structure)
    name = arguments.programs[0]
    if name == "mlipkit":
        import common.ours
        import mlipkit.ops  # noqa: F401  (so that torch's libraries count as imports here too)
    else:
        import common.theirs  # noqa: F401
    reset_peak()
    imports = memory_mib()
    evaluate = moving(atoms, program(name, arguments, atoms))
    for number in range(3):
        evaluate(number)
    peak = memory_mib(peak=True)
    return {"atoms": len(atoms), "peak_mib": peak, "imports_mib": imports, "above_imports_mib": peak - imports}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mace", type=Path)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--structure", required=True)
    parser.add_argument("--programs", nargs="+", required=True)
    parser.add_argument("--precision", default="single")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        answer(memory(arguments))
        return
    atoms = structure(arguments.structure)
    made, info = evaluations(arguments, atoms)
    serve({name: moving(atoms, evaluate) for name, evaluate in made.items()}, info)


if __name__ == "__main__":
    main()
