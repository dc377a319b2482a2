# SPDX-License-Identifier: MIT
"""Time per step of liquid water in OpenMM: MLIPForce, and files of `mlip-export --format torchforce`; one thread.

    python benchmarks/torchforce/run.py --model 8x0e 64x0e --python /path/to/env/bin/python

TorchForce runs in the environment of PYTHON, which has the Torch plugin (pip install torch==2.9.1 openmmtorch). What it
does, one energy and its gradient, is also measured with the torch of mlipkit: column "torch alone".
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np

from common.machine import describe
from common.models import Files, ready
from common.results import Results, Row, parser
from common.structures import structure
from common.timing import alternate
from common.workers import Worker

WORKER = Path(__file__).with_name("worker.py")
PROGRAMS = ("MLIPForce", "torch alone", "TorchForce")


def export(files: Files, atoms: int, precision: str, folder: Path) -> tuple[Path, Path]:
    """The TorchForce file, and positions and box for workers that cannot read anything else."""
    from mlipkit.checkpoint import load_checkpoint
    from mlipkit.export.torchforce.write import export_torchforce

    water = structure(f"water-{atoms}")
    force = folder / "models" / f"{files.artifact.stem}-{atoms}-{precision}.torchforce.pt"
    export_torchforce(load_checkpoint(files.checkpoint), force, water, precision=precision)
    arrays = force.with_suffix(".npz")
    symbols = water.get_chemical_symbols()
    np.savez(
        arrays, positions=water.positions / 10, box=water.cell.array / 10, masses=water.get_masses(), symbols=symbols
    )
    return force, arrays


def measure(files: Files, atoms: int, precision: str, rounds: int, python: str | None, folder: Path) -> Row:
    """Times of a step, their ratios to MLIPForce, the largest difference of the forces, and memory."""
    force, arrays = export(files, atoms, precision, folder)
    given = {"MLIPForce": files.artifact, "torch alone": force, "TorchForce": force}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(
                Worker(
                    WORKER,
                    [name, str(given[name]), str(arrays), "--precision", precision],
                    python=python if name == "TorchForce" and python else sys.executable,
                )
            )
            for name in PROGRAMS
            if name != "TorchForce" or python
        }
        timings = alternate({name: worker.timer("step") for name, worker in workers.items()}, rounds, 5)
        forces = {name: np.array(worker.info["forces"]) for name, worker in workers.items()}
        memory = {name: worker.info["memory"] for name, worker in workers.items()}
    difference = max(float(np.abs(found - forces["MLIPForce"]).max()) for found in forces.values())
    times = {name: timing.per(1) for name, timing in timings.items()}
    ratios = {name: timing.cpu / timings["MLIPForce"].cpu for name, timing in timings.items()}
    return {"times": times, "ratios": ratios, "difference": difference, "memory": memory}


def milliseconds(name: str) -> Callable[[Row], object]:
    return lambda row: row["times"][name]["cpu_us"] / 1e3 if name in row["times"] else None


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--model", nargs="+", default=["8x0e", "64x0e"], help="hidden irreps")
    made.add_argument("--atoms", nargs="+", type=int, default=[192])
    made.add_argument("--precision", default="single", choices=["single", "mixed", "double"])
    made.add_argument("--python", help="of the environment with the Torch plugin")
    made.add_argument("--repeats", type=int, default=9, help="rounds of which medians are taken")
    arguments = made.parse_args()
    if arguments.quick:
        arguments.model, arguments.repeats = ["8x0e"], 2
    results, machine = Results("torchforce", arguments), describe(rates=False)
    for model in arguments.model:
        files = ready(model, "water", results.folder)
        for atoms in arguments.atoms:
            results.part(
                lambda f=files, a=atoms: measure(
                    f, a, arguments.precision, arguments.repeats, arguments.python, results.folder
                ),
                [arguments.repeats, arguments.python], model=model, atoms=atoms, precision=arguments.precision,
            )  # fmt: skip
    results.finish(
        machine,
        [
            ("model", lambda row: row["model"]),
            ("precision", lambda row: row["precision"]),
            ("atoms", lambda row: row["atoms"]),
            *((f"{name}, ms", milliseconds(name)) for name in PROGRAMS),
            ("TorchForce / MLIPForce", lambda row: row["ratios"].get("TorchForce")),
            *((f"{name}, MiB", lambda row, n=name: row["memory"].get(n)) for name in PROGRAMS),
            ("max dF, eV/A", lambda row: row["difference"]),
        ],
        "Milliseconds per step with TorchForce files",
    )


if __name__ == "__main__":
    main()
