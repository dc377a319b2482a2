# SPDX-License-Identifier: MIT
"""Energy and forces of one checkpoint in mlipkit and in mace-torch, in turns: microseconds per atom.

    python benchmarks/inference/run.py --model 128x0e --structure water-192 copper-256 --threads 1 2

For mace-torch: TorchScript (what its LAMMPS plugin runs) and torch.compile, both without their neighbour list, and its
ASE calculator for information; each also with a C library that keeps freed memory. For mlipkit: the engine, neighbour
list included. The ratio "as users get it" is against TorchScript with the C library as it is, "best case" against the
fastest of theirs. One thread is measured by CPU time of the process, several by wall-clock time. The two packages take
turns, each in a process of its own. First both must agree in double precision. Finished cases are kept: the benchmark
can be interrupted and started again.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np

from common.machine import describe
from common.models import Files, ready
from common.process import KEEP_MEMORY, script
from common.results import Results, Row, parser
from common.timing import alternate
from common.workers import Worker

WORKER = Path(__file__).with_name("worker.py")
SMALL = {"water": "water-192", "copper": "copper-256"}  # where the functions are compared in double precision
SHORTEST = 0.3  # seconds that a program computes in its turn: as in a run, caches are its own and threads awake
AGREEMENT = 1e-8  # eV/angstrom and eV per atom, in double precision
HEAPS = {"default": {}, "kept": KEEP_MEMORY}  # settings of the C library


def words(files: Files, structure: str, programs: list[str], precision: str = "single", threads: int = 1) -> list[str]:
    """Command line of a worker."""
    found = [str(files.mace), str(files.artifact), "--structure", structure, "--programs", *programs]
    return [*found, "--precision", precision, "--threads", str(threads)]


def side_by_side(
    files: Files, structure: str, programs: list[str], precision: str, threads: int, heap: str, rounds: int
) -> Row:
    """The programs of mace-torch in one process, the engine in another: times in turns, and differences of forces."""
    with (
        Worker(WORKER, words(files, structure, programs, precision, threads), threads, HEAPS[heap]) as theirs,
        Worker(WORKER, words(files, structure, ["mlipkit"], precision, threads), threads, HEAPS[heap]) as ours,
    ):
        timings = alternate({**theirs.timers(), **ours.timers()}, rounds, shortest=SHORTEST) if rounds else {}
        info = {key: {**theirs.info[key], **ours.info[key]} for key in ("energies", "forces", "failed")}
    forces = {name: np.array(values) for name, values in info["forces"].items()}
    mine, atoms = forces["mlipkit"], len(forces["mlipkit"])
    return {
        "atoms": atoms,
        "largest_force": float(np.abs(mine).max()),
        "failed": info["failed"],
        "times": {name: timing.per(atoms) for name, timing in timings.items()},
        "differences": {
            name: {
                "forces": float(np.abs(values - mine).max()),
                "energy_per_atom": abs(info["energies"][name] - info["energies"]["mlipkit"]) / atoms,
            }
            for name, values in forces.items()
            if name != "mlipkit"
        },
    }


def agreement(files: Files, structure: str) -> Row:
    """Largest differences in double precision.

    Raises:
        RuntimeError: the programs do not compute the same function.
    """
    found = side_by_side(files, structure, ["torchscript"], "double", 1, "default", 0)
    differences = found["differences"].get("torchscript")
    if not differences or max(differences.values()) > AGREEMENT:
        raise RuntimeError(f"the programs do not agree on {structure}: {differences or found['failed']}")
    return {"double": differences, "largest_force": found["largest_force"]}


def survivors(
    files: Files, structure: str, programs: list[str], precision: str, threads: int, heap: str, rounds: int
) -> Row:
    """:func:`side_by_side`, without torch.compile where its code ends the process."""
    try:
        return side_by_side(files, structure, programs, precision, threads, heap, rounds)
    except RuntimeError as error:
        rest = [name for name in programs if name != "compile"]
        if not rest or rest == programs:
            raise
        found = side_by_side(files, structure, rest, precision, threads, heap, rounds)
        found["failed"]["compile"] = str(error).strip().splitlines()[-1]
        return found


def case(files: Files, structure: str, threads: int, precision: str, arguments: Any) -> Row:
    """Times of all programs under both settings of the C library, and the ratios."""
    found: Row = {"times": {}, "failed": {}, "differences": {}}
    for heap, programs in (("default", arguments.programs), ("kept", arguments.kept_programs)):
        if not programs:
            continue
        one = survivors(files, structure, programs, precision, threads, heap, arguments.repeats)
        for kind in ("times", "failed", "differences"):
            found[kind].update({f"{name}, {heap} memory": value for name, value in one[kind].items()})
        found["largest_force"], found["atoms"] = one["largest_force"], one["atoms"]
    return {**found, **ratios(found["times"], "cpu_us" if threads == 1 else "wall_us")}


def ratios(times: Row, clock: str) -> Row:
    """Against the engine in the same turns, so that both met the same machine."""
    theirs = {name: row[clock] for name, row in times.items() if not name.startswith(("mlipkit", "calculator"))}
    best = min(theirs, key=lambda name: theirs[name])
    own = {heap: f"mlipkit, {heap} memory" for heap in HEAPS}
    mine = {heap: times[name][clock] for heap, name in own.items() if name in times}
    users = "torchscript, default memory"
    return {
        "clock": clock,
        "mlipkit_us": mine.get("default", min(mine.values())),
        "torchscript_us": theirs.get(users),
        "best_us": theirs[best],
        "best": best,
        "ratio_as_users_get_it": theirs[users] / mine["default"] if users in theirs else None,
        "ratio_best_case": theirs[best] / mine[best.split(", ")[1].split()[0]],
    }


def peak_memory(files: Files, structure: str) -> Row:
    """Of both programs, each alone in a process."""
    programs = ("torchscript", "mlipkit")
    found = {name: script(WORKER, [*words(files, structure, [name]), "--memory"]) for name in programs}
    theirs, ours = found["torchscript"], found["mlipkit"]
    ratio = theirs["above_imports_mib"] / max(ours["above_imports_mib"], 1.0)
    return {"peak": found, "ratio_peak": theirs["peak_mib"] / ours["peak_mib"], "ratio_above_imports": ratio}


def options() -> Any:
    made = parser(__doc__)
    made.add_argument("--model", nargs="+", default=["128x0e", "128x0e+128x1o"], help="hidden irreps")
    made.add_argument("--structure", nargs="+", default=["water-192", "water-1536", "copper-256", "copper-2048"])
    made.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    made.add_argument("--precision", nargs="+", default=["single"], choices=["single", "mixed", "double"])
    made.add_argument("--repeats", type=int, default=5, help="rounds of which medians are taken")
    made.add_argument("--programs", nargs="*", default=["torchscript", "calculator"], help="of mace-torch")
    made.add_argument("--kept-programs", nargs="*", default=["torchscript", "compile"], help="the same, memory kept")
    made.add_argument("--memory-of", nargs="*", default=["water-1536"], help="structures whose peak memory is compared")
    arguments = made.parse_args()
    unknown = [name for name in arguments.structure if name.split("-")[0] not in SMALL]
    if unknown:
        made.error(f"no model for {', '.join(unknown)}: structures are water-192, water-1536, copper-256, ...")
    if arguments.quick:
        arguments.model, arguments.structure, arguments.threads = ["8x0e"], ["water-192"], [1]
        arguments.repeats, arguments.kept_programs, arguments.memory_of = 2, [], []
    return arguments


def main() -> None:
    arguments = options()
    results, machine = Results("inference", arguments), describe()
    for model in arguments.model:
        for kind in dict.fromkeys(name.split("-")[0] for name in arguments.structure):
            files = ready(model, kind, results.folder)
            small = SMALL[kind]
            results.part(lambda f=files, s=small: agreement(f, s), what="agreement", model=model, structure=small)
            for name in (name for name in arguments.structure if name.startswith(kind)):
                for threads in arguments.threads:
                    for precision in arguments.precision:
                        results.part(
                            lambda f=files, s=name, t=threads, p=precision: case(f, s, t, p, arguments),
                            (arguments.programs, arguments.kept_programs, arguments.repeats),
                            what="times", model=model, structure=name, threads=threads, precision=precision,
                        )  # fmt: skip
                if name in arguments.memory_of:
                    results.part(lambda f=files, s=name: peak_memory(f, s), what="memory", model=model, structure=name)
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    results.finish(
        machine,
        [
            ("model", lambda row: row["model"]),
            ("structure", lambda row: row["structure"]),
            ("", lambda row: row["what"]),
            ("threads", lambda row: row.get("threads")),
            ("precision", lambda row: row.get("precision")),
            ("mlipkit us/atom", lambda row: row.get("mlipkit_us")),
            ("TorchScript", lambda row: row.get("torchscript_us")),
            ("their best", lambda row: row.get("best_us")),
            ("ratio, users", lambda row: row.get("ratio_as_users_get_it") or row.get("ratio_peak")),
            ("ratio, best", lambda row: row.get("ratio_best_case") or row.get("ratio_above_imports")),
            ("max dF, eV/A", lambda row: largest_difference(row)),
            ("failed", lambda row: ", ".join(row.get("failed", {})) or None),
        ],
        "Energy and forces, mlipkit against mace-torch (rows of memory: ratio of peaks, and above the imports)",
    )


def largest_difference(row: Row) -> float | None:
    if "double" in row:
        return row["double"]["forces"]
    found = [value["forces"] for value in row.get("differences", {}).values()]
    return max(found) if found else None


if __name__ == "__main__":
    main()
