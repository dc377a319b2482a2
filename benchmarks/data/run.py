# SPDX-License-Identifier: MIT
"""Training data from a store: access to a structure, steps with graphs on demand, steps of structures of mixed sizes.

    python benchmarks/data/run.py -o data_out

Structures are water droplets of 6 to 192 atoms, most of them small, with random labels. Steps are those of the trainer
on one thread, by wall-clock time; cases that are compared take turns.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import ase.db
import ase.io
import numpy as np
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from common.machine import describe
from common.results import Results, Row, parser
from common.structures import droplet
from common.timing import Timer, alternate, once
from mlipkit.data.config import DataConfig
from mlipkit.data.convert import convert
from mlipkit.data.labels import Wanted
from mlipkit.data.stored import StoredStructures
from mlipkit.train.config import TrainConfig
from mlipkit.train.processes import Processes
from mlipkit.train.setup import set_up
from mlipkit.train.trainer import Trainer

SIZES = {6: 0.4, 12: 0.3, 24: 0.15, 48: 0.1, 192: 0.05}  # atoms: share of the structures
E0 = {"H": -13.6, "O": -2041.3}
TRAINING = 400  # structures of the training cases


def droplets(number: int) -> Iterator[Atoms]:
    """Droplets with random labels of a usual size."""
    random = np.random.default_rng(0)
    whole = {size: droplet(size) for size in SIZES}
    for size in random.choice(list(SIZES), size=number, p=list(SIZES.values())).tolist():
        atoms = whole[size].copy()
        atoms.positions += random.normal(0.0, 0.02, atoms.positions.shape)
        energy = sum(E0[symbol] for symbol in atoms.symbols) + random.normal()
        forces = random.normal(0.0, 1.0, atoms.positions.shape)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        yield atoms


def written(folder: Path, number: int) -> dict[str, Path]:
    """The same structures as extended XYZ, as a database of ASE and as a store, made once."""
    paths = {name: folder / f"droplets-{number}{suffix}" for name, suffix in FORMATS.items()}
    if not paths["store"].exists():
        folder.mkdir(parents=True, exist_ok=True)
        paths["ase db"].unlink(missing_ok=True)
        frames = list(droplets(number))
        ase.io.write(paths["extxyz"], frames)
        with ase.db.connect(paths["ase db"]) as database:
            for atoms in frames:
                database.write(atoms)
        data = DataConfig.model_validate({"train": str(paths["extxyz"])})
        convert([paths["extxyz"]], paths["store"], data, Wanted(), lambda done, path: None)
    return paths


FORMATS = {"extxyz": ".extxyz", "ase db": ".db", "store": ".mlipdata"}


def access(paths: dict[str, Path], number: int, rounds: int) -> Row:
    """Time of one structure at a random place, file and reader open already where that is possible."""
    data = DataConfig.model_validate({"train": str(paths["store"])})
    structures = StoredStructures(paths["store"], data.train[0], data, Wanted())
    places = np.random.default_rng(1).integers(0, number, 1000).tolist()
    database = ase.db.connect(paths["ase db"])
    readers: dict[str, Callable[[int], Any]] = {
        "store": lambda k: structures[places[k % 1000]],
        "ase db": lambda k: database.get(places[k % 1000] + 1).toatoms(),
        "extxyz": lambda k: ase.io.read(paths["extxyz"], places[k % 1000], format="extxyz"),
    }
    calls = {"store": 1000, "ase db": 50, "extxyz": 1}  # per round
    counter = itertools.count()

    def timer(name: str) -> Timer:
        return lambda _, n: once(lambda _: readers[name](next(counter)), 0, n * calls[name])

    found = alternate({name: timer(name) for name in readers}, rounds, warmup=1)
    times = {name: 1e6 * timing.wall for name, timing in found.items()}
    return {"structures": number, "unit": "us per structure", "times": times}


def trainer(folder: Path, source: Path, **options: Any) -> Trainer:
    """The trainer of ``mlip-train`` in float32 on one thread."""
    config = TrainConfig.model_validate(
        {
            "output": str(folder / "run"), "threads": 1, "tensorboard": False, "optimizer": {"lr": 1e-5},
            "data": {
                "train": {"path": str(source), "frames": f":{TRAINING}"}, "split": {"validation": 0.02},
                "tasks": {"default": {"e0": E0}},
            },
            "model": {"architecture": "mace", "cutoff": 5.0, "l_max": 3, "correlation": 3, **options.pop("model")},
            **options,
        }
    )  # fmt: skip
    made = Trainer(config, set_up(config, folder), {}, folder, Processes("cpu"))
    made._clock = time.perf_counter()  # as `fit` does before its first step
    made.module.train()
    return made


def steps(made: Trainer, number: int) -> list[float]:
    """Wall-clock milliseconds of each of the next steps, the wait for their batches included."""
    found = []
    for _ in range(number):
        start = time.perf_counter()
        made._step(*made.batches.next(), 0.0, 0)
        found.append(1e3 * (time.perf_counter() - start))
    return found


def on_demand(paths: dict[str, Path], folder: Path, model: dict[str, int], number: int, rounds: int) -> Row:
    """Mean time of a step, graphs in memory and from the store; all take the same batches."""
    cases = {"memory": ("extxyz", 0), "store": ("store", 0), "store, 1 thread": ("store", 1),
             "store, 2 threads": ("store", 2)}  # fmt: skip
    trainers = {
        name: trainer(folder, paths[source], workers=workers, batch_size=8, model=model)
        for name, (source, workers) in cases.items()
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for made in trainers.values():
        steps(made, 3)
    for turn in range(rounds):
        for name in list(cases)[:: 1 if turn % 2 == 0 else -1]:
            times[name].append(float(np.mean(steps(trainers[name], number))))
    return {"unit": "ms per step", "times": {name: float(np.median(values)) for name, values in times.items()}}


def spread(paths: dict[str, Path], folder: Path, model: dict[str, int], number: int) -> Row:
    """Step times with as many structures per batch and with as many edges, about the same number of batches."""
    by_size = trainer(folder, paths["extxyz"], batch_size=8, model=model)
    edges = by_size.prepared.dataset.statistics.n_edges
    budget = -(-edges // len(by_size.sampler))
    by_edges = trainer(folder, paths["extxyz"], batch_edges=int(1.02 * budget), model=model)
    found: dict[str, Any] = {}
    for name, made in (("batch_size", by_size), ("batch_edges", by_edges)):
        steps(made, 3)
        milliseconds = np.array(steps(made, number))
        n_edges, sums = made.prepared.dataset.train.table.n_edges, []
        made.sampler.load_state_dict({"seed": 0, "epoch": 0, "next_batch": 0})
        while made.sampler.epoch == 0:
            sums.append(int(n_edges[made.sampler.next()].sum()))
        found[name] = {
            "batches": len(sums),
            "edges": [min(sums), int(np.median(sums)), max(sums)],
            "mean_ms": float(milliseconds.mean()),
            "spread": float(milliseconds.std() / milliseconds.mean()),
            "slowest": float(milliseconds.max() / np.median(milliseconds)),
        }
    return {"unit": "standard deviation / mean of a step", "times": {n: v["spread"] for n, v in found.items()},
            "details": found}  # fmt: skip


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--structures", type=int, default=20_000, help="for the access times")
    made.add_argument("--channels", type=int, default=64)
    made.add_argument("--steps", type=int, default=20, help="of each case and turn")
    made.add_argument("--rounds", type=int, default=5)
    arguments = made.parse_args()
    model = {"channels": arguments.channels}
    if arguments.quick:
        arguments.structures, arguments.steps, arguments.rounds = 60, 2, 2
        model = {"channels": 4, "l_max": 1, "correlation": 2}
    torch.set_num_threads(1)
    results, machine = Results("data", arguments), describe()
    folder = results.folder / "data"
    paths = written(folder, arguments.structures)
    settings = [arguments.steps, arguments.rounds, model]
    results.part(
        lambda: access(paths, arguments.structures, arguments.rounds), [arguments.rounds], what="random access",
        n=arguments.structures,
    )  # fmt: skip
    results.part(lambda: on_demand(paths, folder, model, arguments.steps, arguments.rounds), settings, what="step")
    results.part(lambda: spread(paths, folder, model, 2 * arguments.steps), settings, what="spread of steps")
    shutil.rmtree(folder / "run", ignore_errors=True)
    results.finish(
        machine,
        [
            ("what", lambda row: row["what"]),
            ("unit", lambda row: row["unit"]),
            ("times", lambda row: ", ".join(f"{name} {value:.3g}" for name, value in row["times"].items())),
        ],
        "Training data from a store",
    )


if __name__ == "__main__":
    main()
