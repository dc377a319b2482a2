# SPDX-License-Identifier: MIT
"""How far expected errors can be trusted, and how many members of the ensemble that takes.

    python benchmarks/accuracy/uncertainty.py 3bpa -o benchmark_out

For a run of `run.py` in the same folder that had `--set model.ensemble=16`: draws and calibrates ensembles of several
sizes from its best checkpoint as `mlip-train` does at the end, and compares expected errors with true ones on the test
files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import torch
from scipy.stats import spearmanr

from accuracy.run import stem
from accuracy.sets import SETS
from common.machine import describe
from common.results import Results, Row, parser
from mlipkit.checkpoint import Checkpoint, load_checkpoint
from mlipkit.train import evaluation
from mlipkit.train.config_file import load_config
from mlipkit.train.results import coverage
from mlipkit.train.setup import Prepared, set_up
from mlipkit.train.uncertainty import with_uncertainty

PARAMETER = "ensemble.deviations"


def redrawn(path: Path, members: int, prepared: Prepared, seed: int) -> Checkpoint:
    """The checkpoint with an ensemble of another size."""
    checkpoint = load_checkpoint(path)
    old = checkpoint.parameters.get(PARAMETER)
    if old is None:
        raise SystemExit(f"{path} has no ensemble: train it with run.py SET --set model.ensemble=16")
    checkpoint.parameters[PARAMETER] = old.new_zeros((*old.shape[:2], members))
    checkpoint.config["ensemble"] = members
    return with_uncertainty(checkpoint, prepared.dataset.train, prepared.dataset.validation, seed, batch_size=10)


def measure(checkpoint: Path, file: Path) -> Row:
    """Errors, rank correlation of expected and true errors of forces, and shares within one and two sigma."""
    options = evaluation.Options(keys={}, units={})
    predictor = evaluation.CheckpointPredictor(checkpoint, options)
    predicted = predictor.predict(evaluation.read_labelled([file], predictor, options))
    forces = predicted.pairs["forces"]
    lengths = np.linalg.norm(forces.predicted - forces.reference, axis=1)
    rank = float(spearmanr(predicted.sigma["forces"], lengths).statistic)
    return {
        "forces_meV_per_A": 1e3 * float(np.sqrt((lengths**2).mean() / 3.0)),
        "rank": rank,
        "coverage": coverage(predicted),
    }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("sets", nargs="+", metavar="SET", choices=sorted(SETS), help=", ".join(SETS))
    made.add_argument("--members", nargs="+", type=int, default=[8, 16, 32])
    arguments = made.parse_args()
    torch.set_num_threads(1)
    results = Results("uncertainty", arguments)
    for name in arguments.sets:
        chosen, folder = SETS[name], results.folder / "accuracy" / name
        config = load_config(folder / "train.yaml")
        prepared = set_up(config, folder)
        for members in arguments.members:
            drawn = folder / f"members-{members}.ckpt"
            redrawn(folder / "run/best.ckpt", members, prepared, config.seed).save(drawn)
            for test in chosen.tests:
                errors = measure(drawn, folder / f"test-{stem(test)}.extxyz")
                results.rows.append({"set": name, "test": test.name, "members": members, **errors})
    finish(results)


def finish(results: Results) -> None:
    def shares(quantity: str) -> Callable[[Row], str]:
        def text(row: Row) -> str:
            found = row["coverage"][quantity]
            return f"{100 * found['within_1_sigma']:.0f} %, {100 * found['within_2_sigma']:.0f} %"

        return text

    results.finish(
        describe(rates=False),
        [
            ("set", lambda row: row["set"]),
            ("test", lambda row: row["test"]),
            ("members", lambda row: row["members"]),
            ("forces, meV/A", lambda row: row["forces_meV_per_A"]),
            ("rank correlation of forces", lambda row: row["rank"]),
            ("forces in 1, 2 sigma", shares("forces")),
            ("energies in 1, 2 sigma", shares("energy_per_atom")),
        ],
        "Expected and true errors on test files",
    )


if __name__ == "__main__":
    main()
