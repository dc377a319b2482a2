# SPDX-License-Identifier: MIT
"""Few expensive labels and many cheap ones: one model of two tasks, and fine-tuning, against each level alone.

    python benchmarks/accuracy/tasks.py --data path/to/data -o benchmark_out

Acetylacetone at 300 K. N frames have the DFT labels of the data set (PBE-D3/def2-SVP), 400 frames of other geometries
GFN2-xTB labels, which are made here; every epoch takes as many frames of one level as of the other. `tuned` is GFN2
alone, fine-tuned on DFT. Errors are those of each level, on test frames of the same temperature and of 600 K.
Interrupt it whenever you like: the same command goes on where it stopped.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from accuracy.charge_spin import BASE, MODEL, QUICK
from accuracy.fitting import fit, frames_of, predict, write_frames
from accuracy.tight_binding import labelled
from common.machine import describe
from common.results import Results, Row, parser

VALIDATION, CHEAP, TEST = 20, 400, 150  # frames; the first are the same geometries for every model


class Study:
    """Files of both levels of theory."""

    def __init__(self, data: Path, folder: Path, quick: bool, steps: int) -> None:
        self.folder, self.steps = folder / "tasks", steps
        self.model = {**MODEL, **(QUICK if quick else {})}
        self.cheap = 12 if quick else CHEAP
        source = data / "AcAc"
        # Neighbours in the file are alike: with a stride that is prime to their number, every part is spread over all.
        frames = frames_of(source / "train_300K.extxyz.xz")
        frames = [frames[(37 * k) % len(frames)] for k in range(len(frames))]
        self.frames, rest = frames[: -self.cheap], frames[-self.cheap :]
        held = self.frames[:VALIDATION]
        self.files = {
            "gfn2": self._gfn2("train", rest),
            "gfn2-validation": self._gfn2("validation", held),
            "dft-validation": write_frames(self.folder / "dft-validation.extxyz", held),
            "atoms": source / "isolated_atoms.extxyz.xz",
        }
        for name, test in (("300", "test_MD_300K"), ("600", "test_MD_600K_dev")):
            found = frames_of(source / f"{test}.extxyz.xz")
            found = found[:: max(1, len(found) // TEST)][: 4 if quick else TEST]
            self.files[f"dft-{name}"] = write_frames(self.folder / f"dft-{name}-{len(found)}.extxyz", found)
            self.files[f"gfn2-{name}"] = self._gfn2(f"{name}-{len(found)}", found)

    def _gfn2(self, name: str, frames: list[Any]) -> Path:
        path = self.folder / f"gfn2-{name}-{len(frames)}.extxyz"
        labelled(path, frames)
        return path

    def measure(self, model: str, expensive: int) -> Row:
        """Trains on ``dft``, ``gfn2``, ``both``, or ``tuned`` on DFT from ``gfn2``; with so many DFT frames."""
        levels = {"dft": ["dft"], "gfn2": ["gfn2"], "both": ["dft", "gfn2"], "tuned": ["dft"]}[model]
        n_train = (expensive if "dft" in levels else 0) + (self.cheap if "gfn2" in levels else 0)
        config = {**BASE, "data": self._sources(levels, expensive)}
        if model == "tuned":
            start = fit(
                {**BASE, "data": self._sources(["gfn2"], 0), "model": self.model}, self.folder, self.steps, self.cheap
            )
            # E0 are fitted to what the model leaves: those of isolated atoms do not go with fitted ones of GFN2
            config["data"]["train"] = config["data"]["train"][:1]
            config |= {"init": str(start.checkpoint), "finetune": {"from_task": "gfn2", "keep_tasks": False}}
        else:
            config["model"] = self.model
        found = fit(config, self.folder, self.steps, n_train)
        row: Row = {"minutes": found.minutes, "train": n_train, "steps": self.steps}
        row["alignments"] = found.summary["data"]["alignments"]
        for level in levels:
            for test in ("300", "600"):
                errors = predict(found.checkpoint, self.files[f"{level}-{test}"], level).errors()
                row |= {f"{level}_{test}_{name}": value for name, value in errors.items()}
        return row

    def _sources(self, levels: list[str], expensive: int) -> dict[str, Any]:
        """Section ``data``, in which several levels have the same share of an epoch."""
        share = {"share": 1.0 / len(levels)} if len(levels) > 1 else {}
        chosen = self.frames[VALIDATION : VALIDATION + expensive]
        sources: dict[str, list[dict[str, Any]]] = {"gfn2": [{"path": str(self.files["gfn2"]), **share}]}
        if "dft" in levels:
            path = write_frames(self.folder / f"dft-train-{expensive}.extxyz", chosen)
            sources["dft"] = [{"path": str(path), **share}, {"path": str(self.files["atoms"])}]
        tasks: dict[str, Any] = {
            "dft": {"level_of_theory": "PBE-D3/def2-SVP"},
            "gfn2": {"level_of_theory": "GFN2-xTB", **({"align_to": "dft"} if len(levels) > 1 else {})},
        }
        return {
            "train": [{**entry, "task": level} for level in levels for entry in sources[level]],
            # the epoch is chosen by the level that counts
            "validation": [{"path": str(self.files[f"{levels[0]}-validation"]), "task": levels[0]}],
            "tasks": {level: tasks[level] for level in levels},
        }


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--data", type=Path, required=True, help="folder with AcAc")
    made.add_argument("--frames", type=int, nargs="+", default=[20, 80], help="numbers of DFT frames, up to 80")
    made.add_argument("--steps", type=int, default=1500, help="optimiser steps of each run")
    arguments = made.parse_args()
    steps, numbers = (5, [5]) if arguments.quick else (arguments.steps, arguments.frames)
    results, machine = Results("tasks", arguments), describe(rates=False)
    study = Study(arguments.data.resolve(), results.folder, arguments.quick, steps)
    warnings.filterwarnings("ignore", message=".*do not determine the (reference energies|offsets)")
    for expensive, model in [(0, "gfn2"), *((n, m) for n in numbers for m in ("dft", "both", "tuned"))]:
        results.part(lambda m=model, n=expensive: study.measure(m, n), [steps], model=model, dft_frames=expensive)
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    def error(name: str) -> Any:
        return lambda row: row.get(name)

    columns = [
        (f"{level.upper()} {test} K, {text}", error(f"{level}_{test}_{quantity}"))
        for level in ("dft", "gfn2")
        for test in ("300", "600")
        for quantity, text in (("energy", "meV/atom"), ("forces", "meV/A"))
    ]
    results.finish(
        machine,
        [
            ("trained on", lambda row: row["model"]),
            ("DFT frames", lambda row: row["dft_frames"]),
            ("all frames", lambda row: row["train"]),
            *columns,
            ("minutes", lambda row: row["minutes"]),
        ],
        "Several levels of theory: RMSE of energies and forces on test frames of each level",
    )


if __name__ == "__main__":
    main()
