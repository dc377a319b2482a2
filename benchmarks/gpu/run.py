# SPDX-License-Identifier: MIT
"""On a GPU: every operator with its share of the measured bandwidth, and whole models on water of several sizes.

    python benchmarks/gpu/run.py --sizes 192 1536 12288 98304

Kernel times come from CUDA events. "memory" is the bandwidth that an operator would need if each of its arrays moved
once, "all" with what it reads again and again (table rows, gathered features), each as a share of a copy on the device.
Whole models have random weights; their rate is atoms x steps per second with energy and forces, positions in and forces
out, the neighbour list included. Where mace-torch is installed, the model is built by it, and its own rate on a
prepared graph (TorchScript) is measured in turns with the engine's.

Without a GPU, ``--device cpu --quick`` shows that everything runs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "kernels"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import torch
from cases import Case, all_cases
from torch import Tensor

from common import ours
from common.structures import SPECIES, structure

Row = dict[str, Any]
DTYPES = {"single": torch.float32, "double": torch.float64}


def seconds(call: Callable[[], object], device: str, rounds: int, warmup: int = 3) -> float:
    """Median time of a call: between events on a GPU, by the clock on a processor."""
    for _ in range(warmup):
        call()
    found = []
    for _ in range(rounds):
        if device == "cuda":
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            call()
            end.record()
            end.synchronize()
            found.append(1e-3 * start.elapsed_time(end))
        else:
            before = time.perf_counter()
            call()
            found.append(time.perf_counter() - before)
    return median(found)


def copy_rate(device: str, size: int, rounds: int) -> float:
    """Bytes read and written per second by a copy of so many bytes."""
    source = torch.zeros(size // 4, device=device)
    target = torch.empty_like(source)
    return 2 * size / seconds(lambda: target.copy_(source), device, rounds)


def passes(case: Case) -> dict[str, Callable[[], object]]:
    """Forward and backward pass; the latter with the former done beforehand."""

    def forward() -> object:
        with torch.no_grad():
            return case.call()

    found = case.call()
    outputs = [found] if isinstance(found, Tensor) else list(found)
    adjoints = [torch.randn_like(out) for out in outputs]
    return {
        "forward": forward,
        "backward": lambda: torch.autograd.grad(outputs, case.inputs, adjoints, retain_graph=True),
    }


def operators(arguments: argparse.Namespace, bandwidth: float) -> list[Row]:
    atoms = structure(arguments.structure)
    rows = []
    with torch.device(arguments.device):
        cases = all_cases(atoms, arguments.channels, 3, 3, torch.float32)
    for case in cases:
        for name, call in passes(case).items():
            took, count = seconds(call, arguments.device, arguments.rounds), case.count(name)
            moved = len(atoms) * count.bytes / took
            rows.append(
                {
                    "operator": case.name,
                    "pass": name,
                    "us": 1e6 * took,
                    "ns_per_atom": 1e9 * took / len(atoms),
                    "share_of_memory": moved / bandwidth,
                    "share_of_all": (moved + len(atoms) * count.cached / took) / bandwidth,
                    "gflops": 1e-9 * len(atoms) * count.operations / took,
                }
            )
    return rows


def own_model(arguments: argparse.Namespace) -> Path:
    """An artifact with random weights, made without mace-torch."""
    from mlipkit.checkpoint import Task
    from mlipkit.export import export
    from random_models import random_checkpoint

    vectors = "1o" in arguments.model
    config = {"species": list(SPECIES["water"]), "cutoff": 5.0, "channels": arguments.channels, "l_max": 3}
    config |= {"hidden_l_max": int(vectors), "correlation": 3, "avg_num_neighbours": 50.0}
    if arguments.quick:
        config |= {"l_max": 1, "correlation": 2}
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"{arguments.model}.pt"
    export(random_checkpoint(config, [Task("default", "random numbers", {"H": -13.6, "O": -2043.9})]), path)
    return path


def models(arguments: argparse.Namespace) -> list[Row]:
    """Rates of the engine, and of mace-torch where it is installed."""
    theirs = importlib.util.find_spec("mace") is not None and not arguments.quick
    if theirs:
        from common.models import ready

        files = ready(arguments.model, "water", arguments.output)
        artifact, original = files.artifact, files.mace
    else:
        artifact, original = own_model(arguments), None
    rows = []
    for size in arguments.sizes:
        atoms = structure(f"water-{size}")
        evaluate = ours.engine(artifact, atoms, "single", device=arguments.device)
        took = seconds(lambda e=evaluate, a=atoms: e(a.positions), "cpu", arguments.rounds)
        row: Row = {"atoms": size, "ms_per_step": 1e3 * took, "atom_steps_per_second": size / took}
        if original is not None:
            from common.theirs import torchscript

            try:
                step = torchscript(original, atoms, "single", arguments.device)
                other = seconds(lambda s=step, a=atoms: s(a.positions), "cpu", arguments.rounds)
                row |= {"mace_torch_ms_per_step": 1e3 * other, "ratio": other / took}
            except RuntimeError as error:  # what TorchScript makes of torch.OutOfMemoryError
                if "out of memory" not in str(error):
                    raise
                row |= {"mace_torch_ms_per_step": "out of memory", "ratio": ""}
                torch.cuda.empty_cache()
        rows.append(row)
        print(json.dumps(row), file=sys.stderr)  # the largest structures may run into a limit of time or memory
    return rows


def table(rows: list[Row]) -> None:
    if not rows:
        return
    from rich.console import Console
    from rich.table import Table

    made = Table(*rows[0])
    for row in rows:
        made.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(stderr=True, width=160).print(made)


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("-o", "--output", type=Path, default=Path("benchmark_out"), help="folder of models")
    made.add_argument("--json", type=Path, help="file for the results, which are printed too")
    made.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    made.add_argument("--structure", default="water-12288", help="of the operators")
    made.add_argument("--model", default="128x0e", help="hidden irreps: 128x0e or 128x0e+128x1o")
    made.add_argument("--channels", type=int, default=128)
    made.add_argument("--sizes", nargs="+", type=int, default=[192, 1536, 12288, 98304], help="atoms of water")
    made.add_argument("--rounds", type=int, default=15)
    made.add_argument("--quick", action="store_true", help="tiny model and structures: does everything run?")
    arguments = made.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit(f"torch {torch.__version__} sees no CUDA device; use --device cpu --quick to try the benchmark itself")
    if arguments.quick:
        arguments.structure, arguments.channels, arguments.sizes, arguments.rounds = "droplet-30", 8, [192], 1
    size = (1 << 30) if arguments.device == "cuda" else (1 << 26)
    bandwidth = copy_rate(arguments.device, size, arguments.rounds)
    found = {
        "device": torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu",
        "torch": torch.__version__,
        "copy_gbytes": 1e-9 * bandwidth,
        "operators": operators(arguments, bandwidth),
        "model": arguments.model,
        "models": models(arguments),
    }
    table(found["operators"])
    table(found["models"])
    if arguments.json:
        arguments.json.write_text(json.dumps(found) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
