# SPDX-License-Identifier: MIT
"""How errors fall with the number of structures to train on, and what twice as many would give.

    python benchmarks/accuracy/learning_curve.py mlearn-Ni --parts 4 2 1 --data path/to/data -o benchmark_out

Trains with the configuration of `run.py` on every fourth, every second and every training structure, in equally many
steps, and compares errors on the structures that were trained on with those on the test files: where the two come
close, more structures of the kind will not help. The last row is the power law through the two largest parts. Goes on
where it was interrupted, as `run.py` does.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import yaml

from accuracy.fitting import frames_of, write_frames
from accuracy.run import configuration, errors, measure, train
from accuracy.sets import SETS, DataSet
from common.machine import describe
from common.results import Results, Row, parser

FITTED = "training"


def thinned(config: Path, folder: Path, every: int, epochs: int | None) -> Path:
    """The configuration with one of so many structures of its first file, and so many times the epochs.

    The share of the split goes to validation, spread evenly, so that ``train.extxyz`` holds what is fitted.
    """
    content = yaml.safe_load(config.read_text())
    first, *others = content["data"]["train"]
    apart = round(1.0 / content["data"].pop("split")["validation"])
    frames = frames_of(Path(first))[::every]
    fitted = write_frames(folder / "train.extxyz", [one for k, one in enumerate(frames) if k % apart])
    content["data"]["train"] = [str(fitted), *others]
    content["data"]["validation"] = [str(write_frames(folder / "validation.extxyz", frames[::apart]))]
    content["epochs"] = every * (epochs or content["epochs"])
    config.write_text(yaml.safe_dump(content, sort_keys=False))
    return config


@dataclass
class Study:
    """What all parts have in common; ``epochs`` are those with all structures, None: of the configuration."""

    chosen: DataSet
    data: Path
    folder: Path
    epochs: int | None
    settings: list[str]
    processes: int

    def part(self, every: int) -> Row:
        """Errors on what was trained on and on the test files, after training on one of so many structures."""
        chosen, folder = self.chosen, self.folder / f"{self.chosen.name}-{every}"
        config = thinned(configuration(chosen, self.data, folder), folder, every, self.epochs)
        run = train(config, folder, self.settings, self.processes)
        fitted = errors(folder / "train.extxyz", folder / "eval-train", chosen.per_atom)
        found = {FITTED: fitted, **{test.name: measure(chosen, test, self.data, folder) for test in chosen.tests}}
        return {"set": chosen.name, "structures": fitted["frames"], **run, "errors": found}


def extrapolated(fewer: Row, more: Row) -> Row:
    """Errors on test files with twice the structures, if they go on falling by the same power of their number."""
    steps = math.log(2.0) / math.log(more["structures"] / fewer["structures"])
    found = {}
    for name, errors_of_more in more["errors"].items():
        if name != FITTED:
            ends = [(fewer["errors"][name][key], errors_of_more[key]) for key in ("energy_meV", "forces_meV_per_A")]
            energy, forces = (last * (last / before) ** steps for before, last in ends)
            found[name] = {"energy_meV": energy, "forces_meV_per_A": forces}
    return {"set": more["set"], "structures": 2 * more["structures"], "errors": found}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("set", metavar="SET", choices=sorted(SETS), help=", ".join(SETS))
    made.add_argument("--data", type=Path, required=True, help="folder with 3BPA, AcAc, mlearn ...")
    made.add_argument("--parts", type=int, nargs="+", default=[4, 2, 1], help="one of so many structures")
    made.add_argument("--epochs", type=int, help="with all structures, instead of those of the configuration")
    made.add_argument("--set", dest="settings", action="append", default=[], help="KEY=VALUE, as in mlip-train")
    made.add_argument("--processes", type=int, default=1, help="that share the training")
    arguments = made.parse_args()
    results = Results("learning_curve", arguments)
    study = Study(
        SETS[arguments.set],
        arguments.data.resolve(),
        results.folder / "learning_curve",
        arguments.epochs,
        arguments.settings,
        arguments.processes,
    )
    results.rows = [study.part(every) for every in sorted(arguments.parts, reverse=True)]
    if len(results.rows) > 1:
        results.rows.append(extrapolated(*results.rows[-2:]))
    finish(results)


def finish(results: Results) -> None:
    def error(name: str, key: str) -> Callable[[Row], object]:
        return lambda row: row["errors"].get(name, {}).get(key)

    names = list(results.rows[0]["errors"])
    results.finish(
        describe(rates=False),
        [
            ("set", lambda row: row["set"]),
            ("structures", lambda row: row["structures"]),
            ("epochs", lambda row: f"{row['epochs']:g}" if "epochs" in row else "extrapolated"),
            *((f"forces, {name}, meV/A", error(name, "forces_meV_per_A")) for name in names),
            *((f"energy, {name}, meV", error(name, "energy_meV")) for name in names),
            ("minutes", lambda row: row.get("minutes")),
        ],
        "Errors with fewer training structures: RMSE; energies per molecule (mlearn: per atom)",
    )


if __name__ == "__main__":
    main()
