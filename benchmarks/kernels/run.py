# SPDX-License-Identifier: MIT
"""Every operator of mlipkit, forward, backward and derivative of the backward pass: microseconds per atom, and which
share of the machine's measured peaks that is.

    python benchmarks/kernels/run.py --structure water-192 --channels 128

Operations and bytes are counted in ``benchmarks/common/counts.py``. "memory" is the bandwidth that the operator would
need if each of its arrays moved once, as a share of a copy in memory; "cache" is what it reads again and again (table
rows, gathered features), as a share of a copy in the second-level cache. Peaks are those of one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import torch
from cases import Case, all_cases
from torch import Tensor

from common.counts import Count
from common.machine import describe
from common.results import Results, Row, parser
from common.structures import structure
from common.timing import Timing, alternate, once

DTYPES = {"single": torch.float32, "double": torch.float64}


def work(case: Case, which: str) -> Callable[[int], object]:
    """One pass of an operator, the earlier ones done beforehand."""
    if which == "forward":
        return without_graph(case)
    found = case.call()
    outputs = [found] if isinstance(found, Tensor) else list(found)
    adjoints = [torch.randn_like(out).requires_grad_(which == "derivative") for out in outputs]
    if which == "backward":
        return lambda _: torch.autograd.grad(outputs, case.inputs, adjoints, retain_graph=True)
    first = torch.autograd.grad(outputs, case.inputs, adjoints, create_graph=True)
    cotangents = [torch.randn_like(gradient) for gradient in first]
    inputs = [*case.inputs, *adjoints]
    return lambda _: torch.autograd.grad(first, inputs, cotangents, retain_graph=True, allow_unused=True)


def without_graph(case: Case) -> Callable[[int], object]:
    def call(_: int) -> object:
        with torch.no_grad():
            return case.call()

    return call


def row(timing: Timing, count: Count, atoms: int, threads: int, machine: Row) -> Row:
    """Time per atom and rates, per core."""
    seconds = (timing.cpu if threads == 1 else timing.wall * threads) / atoms
    copies, gflops = machine["copy_gbytes"], 1e-9 * count.operations / seconds
    return {
        "us_per_atom": 1e6 * (timing.cpu if threads == 1 else timing.wall) / atoms,
        "operations": count.operations,
        "bytes": count.bytes,
        "cached_bytes": count.cached,
        "gflops": gflops,
        "share_of_sgemm": gflops / machine["peak_gflops"],
        "share_of_memory": 1e-9 * count.bytes / seconds / copies["memory"],
        "share_of_cache": 1e-9 * count.cached / seconds / copies["l2"],
    }


def measure(arguments: Any, threads: int, precision: str, machine: Row) -> Row:
    """All operators in turns."""
    torch.set_num_threads(threads)
    atoms = structure(arguments.structure)
    cases = all_cases(atoms, arguments.channels, arguments.l_max, arguments.correlation, DTYPES[precision])
    passes = {f"{k} {which}": (case, which) for k, case in enumerate(cases) for which in case.passes}
    timers = {key: partial(once, work(*value)) for key, value in passes.items()}
    timings = alternate(timers, arguments.repeats, 1, arguments.shortest)
    peak = {**machine, "peak_gflops": machine["sgemm_gflops" if precision == "single" else "dgemm_gflops"]}
    return {
        "operators": [
            {
                "operator": case.name, "pass": which,
                **row(timings[key], case.count(which), len(atoms), threads, peak),
            }
            for key, (case, which) in passes.items()
        ]
    }  # fmt: skip


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--structure", default="water-192")
    made.add_argument("--channels", type=int, default=128)
    made.add_argument("--l-max", type=int, default=3)
    made.add_argument("--correlation", type=int, default=3)
    made.add_argument("--threads", nargs="+", type=int, default=[1])
    made.add_argument("--precision", nargs="+", default=["single"], choices=list(DTYPES))
    made.add_argument("--repeats", type=int, default=9, help="rounds of which medians are taken")
    arguments = made.parse_args()
    arguments.shortest = 0.02
    if arguments.quick:
        arguments.structure, arguments.channels, arguments.repeats, arguments.shortest = "droplet-30", 16, 2, 0.0
    results, machine = Results("kernels", arguments), describe()
    name, channels = arguments.structure, arguments.channels
    kept = []
    for threads in arguments.threads:
        for precision in arguments.precision:
            case = {"structure": name, "channels": channels, "threads": threads, "precision": precision}
            settings = (arguments.l_max, arguments.correlation, arguments.repeats)
            found = results.part(lambda t=threads, p=precision: measure(arguments, t, p, machine), settings, **case)
            kept += [{**case, **operator} for operator in found["operators"]]
    results.rows = kept
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    columns = [("operator", lambda row: row["operator"])]
    columns += [(name, lambda row, name=name: row[name]) for name in ("pass", "threads", "precision")]
    for key, heading, scale in (
        ("us_per_atom", "us/atom", 1.0),
        ("operations", "kop/atom", 1e-3),
        ("gflops", "GFLOP/s", 1.0),
        ("share_of_sgemm", "% of matrix product", 100.0),
        ("bytes", "kB/atom", 1e-3),
        ("share_of_memory", "% of memory", 100.0),
        ("share_of_cache", "% of L2 copy", 100.0),
    ):
        columns.append((heading, lambda row, key=key, scale=scale: scale * row[key]))
    results.finish(machine, columns, "Operators, per core")


if __name__ == "__main__":
    main()
