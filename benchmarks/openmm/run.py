# SPDX-License-Identifier: MIT
"""Time per step in OpenMM: MLIPForce, PythonForce with the same artifact, ASE's dynamics, and TorchForce.

    python benchmarks/openmm/run.py --structures droplet-22 water-192 water-1536 --threads 1 2
    python benchmarks/openmm/run.py --structures water-192 --python /path/to/env/bin/python

PythonForce and ASE call MLIPCalculator, as users would. TorchForce runs files of ``mlip-export --format torchforce``
in the environment of PYTHON, which has the Torch plugin (pip install torch==2.9.1 openmmtorch); what it does, one
energy and its gradient, is also measured with the torch of mlipkit: "torch alone". Both need PYTHON.
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
OURS = ("MLIPForce", "PythonForce", "ASE")
OTHERS = ("torch alone", "TorchForce")


def prepare(files: Files, name: str, precision: str, folder: Path, torchforce: bool) -> tuple[Path, Path]:
    """The TorchForce file, and positions and box for workers that cannot read anything else."""
    atoms = structure(name)
    force = folder / "models" / f"{files.artifact.stem}-{name}-{precision}.torchforce.pt"
    if torchforce:
        from mlipkit.checkpoint import load_checkpoint
        from mlipkit.export.torchforce.write import export_torchforce

        export_torchforce(load_checkpoint(files.checkpoint), force, atoms, precision=precision)
    arrays = force.with_suffix(".npz")
    content = {"positions": atoms.positions / 10, "masses": atoms.get_masses(), "symbols": list(atoms.symbols)}
    if atoms.pbc.all():
        content["box"] = atoms.cell.array / 10
    np.savez(arrays, **content)
    return force, arrays


def measure(
    files: Files, name: str, precision: str, threads: int, platform: str, rounds: int, python: str | None, folder: Path
) -> Row:
    """Times of a step, their ratios to MLIPForce, the largest difference of the forces, and memory."""
    force, arrays = prepare(files, name, precision, folder, python is not None)
    given = dict.fromkeys(OURS, files.artifact)
    if python is not None:
        given |= dict.fromkeys(OTHERS, force)
    options = ["--precision", precision, "--threads", str(threads), "--platform", platform]
    with ExitStack() as stack:
        workers = {
            program: stack.enter_context(
                Worker(
                    WORKER,
                    [program, str(path), str(arrays), *options],
                    threads=threads,
                    python=python if program == "TorchForce" and python else sys.executable,
                )
            )
            for program, path in given.items()
        }
        timers = {program: worker.timer("step") for program, worker in workers.items()}
        timings = alternate(timers, rounds, 5, shortest=0.05)
        forces = {program: np.array(worker.info["forces"]) for program, worker in workers.items()}
        memory = {program: worker.info["memory"] for program, worker in workers.items()}
    difference = max(float(np.abs(found - forces["MLIPForce"]).max()) for found in forces.values())
    times = {program: timing.per(1) for program, timing in timings.items()}
    ratios = {program: timing.wall / timings["MLIPForce"].wall for program, timing in timings.items()}
    return {"times": times, "ratios": ratios, "difference": difference, "memory": memory}


def milliseconds(program: str) -> Callable[[Row], object]:
    return lambda row: row["times"][program]["wall_us"] / 1e3 if program in row["times"] else None


def ratio(program: str) -> Callable[[Row], object]:
    return lambda row: row["ratios"].get(program)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--models", nargs="+", default=["8x0e", "64x0e"], help="hidden irreps")
    made.add_argument("--structures", nargs="+", default=["droplet-22", "water-192", "water-1536"])
    made.add_argument("--threads", nargs="+", type=int, default=[1])
    made.add_argument("--platform", default="CPU", help="of OpenMM; with CUDA the model runs there too")
    made.add_argument("--precision", default="single", choices=["single", "mixed", "double"])
    made.add_argument("--python", help="of the environment with the Torch plugin")
    made.add_argument("--repeats", type=int, default=9, help="rounds of which medians are taken")
    arguments = made.parse_args()
    if arguments.quick:
        arguments.models, arguments.structures, arguments.repeats = ["8x0e"], ["droplet-22"], 2
    results, machine = Results("openmm", arguments), describe(rates=False)
    for model in arguments.models:
        files = ready(model, "water", results.folder)
        for name in arguments.structures:
            for threads in arguments.threads:
                results.part(
                    lambda f=files, n=name, t=threads: measure(
                        f, n, arguments.precision, t, arguments.platform, arguments.repeats, arguments.python,
                        results.folder,
                    ),
                    [arguments.repeats, arguments.python],
                    model=model, structure=name, threads=threads, precision=arguments.precision,
                    platform=arguments.platform,
                )  # fmt: skip
    programs = [*OURS, *(OTHERS if arguments.python else ())]
    results.finish(
        machine,
        [
            ("model", lambda row: row["model"]),
            ("structure", lambda row: row["structure"]),
            ("threads", lambda row: row["threads"]),
            *((f"{program}, ms", milliseconds(program)) for program in programs),
            *((f"{program} / MLIPForce", ratio(program)) for program in programs[1:]),
            *((f"{program}, MiB", lambda row, n=program: row["memory"].get(n)) for program in programs),
            ("max dF, eV/A", lambda row: row["difference"]),
        ],
        "Milliseconds per step in OpenMM",
    )


if __name__ == "__main__":
    main()
