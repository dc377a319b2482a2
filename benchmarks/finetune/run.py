# SPDX-License-Identifier: MIT
"""Fine-tuning against training from random weights, at the same number of steps, with few and with many new structures.

    python benchmarks/finetune/run.py --data FOLDER

FOLDER holds ``AcAc`` and ``MoNbTaW`` as extended XYZ (docs/finetuning.md says where they are from); the old data of the
molecules are made first, in some minutes (`chemistry.py`). A model is trained on the old data of a system once;
then each way of training gets the same steps, batch size, validation and test structures of the new data. Runs are
resumed where they stopped.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import torch
import yaml
from rich.console import Console

from common.machine import describe
from common.results import Results, Row, parser
from finetune.chemistry import pretraining
from mlipkit.train import evaluation
from mlipkit.train.config_file import load_config
from mlipkit.train.results import errors
from mlipkit.train.run import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WATER, ORGANIC = EXAMPLES / "water", EXAMPLES / "organic"
LOSS = {"energy": 10.0, "forces": 1.0}
WAYS: dict[str, dict[str, Any] | None] = {
    "from scratch": None,
    "full": {"method": "full"},
    "full + replay": {"method": "full"},
    "lora": {"method": "lora"},
    "frozen": {"method": "frozen"},
}
Files = list[tuple[str, str]]  # path and frames


@dataclass
class System:
    """Old data, on which a model is pre-trained, and new ones."""

    name: str
    old: dict[str, Files]  # of each task
    old_test: tuple[str, Files]  # of a task
    new: str
    pool: slice  # new training structures; fewer are taken evenly
    validation: str
    tests: dict[str, Files]
    atoms: Files = field(default_factory=list)  # isolated ones of the new data
    task: str = "old"  # of the new data
    finetune: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    old_batch_size: int = 10
    old_epochs: int = 40
    batch_size: int = 5
    steps: int = 2000

    def frames(self, count: int) -> str:
        """So many structures of the pool, evenly spaced."""
        step = (self.pool.step or 1) * ((self.pool.stop - self.pool.start) // (self.pool.step or 1) // count)
        return f"{self.pool.start}:{self.pool.stop}:{step}"

    @property
    def most(self) -> int:
        return len(range(self.pool.start, self.pool.stop, self.pool.step or 1))


MODEL = {"architecture": "mace", "cutoff": 5.0, "channels": 64, "l_max": 3, "correlation": 3}


def molecules(made: Path) -> System:
    """From many molecules at a cheap level of theory, made by `chemistry.py`, to one that they lack, at DFT level."""
    return System(
        "molecules, GFN2-xTB -> acetylacetone, PBE-D3",
        old={"old": [(str(made), ":"), (str(ORGANIC / "isolated_atoms.extxyz"), ":")]},
        old_test=("old", [(str(ORGANIC / "organic_test.extxyz.xz"), ":")]),
        new="AcAc/train_300K.extxyz.xz",
        pool=slice(0, 450, 1),
        validation="450::2",
        tests={
            "300 K": [("AcAc/test_MD_300K.extxyz.xz", "::5")],
            "600 K": [("AcAc/test_MD_600K_dev.extxyz.xz", "::3")],
        },
        task="new",
        finetune={"from_task": "old"},
        model=MODEL,
        old_epochs=100,
    )


METALS = System(
    "Nb, Ta, W -> Mo",
    old={
        "old": [(f"MoNbTaW/train_{metal}_AIMD.extxyz.xz", "::2") for metal in ("Nb", "Ta", "W")]
        + [(f"MoNbTaW/train_{pair}_SS.extxyz.xz", "::2") for pair in ("NbTa", "NbW", "TaW")]
    },
    old_test=("old", [(f"MoNbTaW/train_{metal}_AIMD.extxyz.xz", "1::16") for metal in ("Nb", "Ta", "W")]),
    new="MoNbTaW/train_Mo_AIMD.extxyz.xz",
    pool=slice(0, 200, 2),
    validation="1::20",
    tests={"AIMD": [("MoNbTaW/train_Mo_AIMD.extxyz.xz", "3::4")]},
    finetune={"new_species": True},
    model=MODEL,
    old_batch_size=4,
    batch_size=2,
    steps=1500,
)
QUICK = System(
    "water",
    old={"old": [("water.extxyz.xz", ":8")]},
    old_test=("old", [("water.extxyz.xz", "8:10")]),
    new="water.extxyz.xz",
    pool=slice(20, 30, 1),
    validation="30:32",
    tests={"more": [("water.extxyz.xz", "32:36")]},
    task="new",
    finetune={"from_task": "old"},
    model={**MODEL, "cutoff": 3.0, "channels": 4, "l_max": 1},
    old_epochs=1,
    steps=4,
)


@dataclass
class Study:
    """Trains and measures in a folder."""

    folder: Path
    data: Path

    def trained(self, name: str, config: dict[str, Any]) -> Path:
        """The best checkpoint of a run; goes on where an earlier one stopped."""
        place = self.folder / name.replace(" ", "").replace(",", "-").replace(">", "")
        place.mkdir(parents=True, exist_ok=True)
        common = {"output": str(place / "run"), "threads": 1, "tensorboard": False, "loss": LOSS, "seed": 1}
        (place / "train.yaml").write_text(yaml.safe_dump({**common, **config}))
        run(load_config(place / "train.yaml"), place, Console(quiet=True), resume=True)
        return place / "run" / "best.ckpt"

    def entries(self, files: Files, task: str) -> list[dict[str, str]]:
        return [{"path": str(self.data / path), "frames": frames, "task": task} for path, frames in files]

    def old(self, system: System) -> list[dict[str, str]]:
        return [entry for task, files in system.old.items() for entry in self.entries(files, task)]

    def pretrained(self, system: System) -> Path:
        data = {"train": self.old(system), "split": {"validation": 0.05}}
        config = {"data": data, "model": system.model, "batch_size": system.old_batch_size, "epochs": system.old_epochs}
        return self.trained(f"{system.name}/old", config)

    def old_errors(self, system: System, checkpoint: Path) -> dict[str, float]:
        task, files = system.old_test
        return self.errors(checkpoint, files, task)

    def measure(self, system: System, way: str, count: int) -> Row:
        """Force and energy RMSE on new and old test data."""
        checkpoint = self.tuned(system, way, count)
        summary = json.loads(checkpoint.with_name("summary.json").read_text())
        row: Row = {"seconds": summary["seconds"]["training"]}
        for name, files in system.tests.items():
            row[name] = self.errors(checkpoint, files, system.task)
        row["old"] = None if way == "from scratch" else self.old_errors(system, checkpoint)
        return row

    def tuned(self, system: System, way: str, count: int) -> Path:
        files = [(system.new, system.frames(count)), *system.atoms]
        data = {
            "train": self.entries(files, system.task),
            "validation": self.entries([(system.new, system.validation)], system.task),
        }
        section = WAYS[way]
        steps_per_epoch = -(-count // system.batch_size)
        config: dict[str, Any] = {"data": data, "batch_size": system.batch_size}
        if section is None:
            config["model"] = system.model
        else:
            config["init"] = str(self.pretrained(system))
            config["finetune"] = {**system.finetune, **section}
            if way.endswith("replay"):
                config["finetune"]["replay"] = {"data": self.old(system)}
                steps_per_epoch = -(-2 * count // system.batch_size)
        config["epochs"] = max(1, round(system.steps / steps_per_epoch))
        return self.trained(f"{system.name}/{way}-{count}", config)

    def errors(self, checkpoint: Path, files: Files, task: str) -> dict[str, float]:
        """RMSE in meV/angstrom and meV/atom."""
        structures, predictor = [], None
        for path, frames in files:
            options = evaluation.Options(keys={}, units={}, frames=frames, task=task)
            predictor = evaluation.CheckpointPredictor(checkpoint, options)
            structures += evaluation.read_labelled([self.data / path], predictor, options)
        assert predictor is not None
        found = errors(predictor.predict(structures), groups=False)
        return {"forces": 1e3 * found["forces"]["rmse"], "energy": 1e3 * found["energy_per_atom"]["rmse"]}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--data", type=Path, help="folder of the data sets; not needed with --quick")
    made.add_argument("--systems", nargs="+", type=int, default=[0, 1], choices=[0, 1], help="0: molecules, 1: metals")
    arguments = made.parse_args()
    if arguments.data is None and not arguments.quick:
        made.error("--data FOLDER is needed")
    torch.set_num_threads(1)
    results, machine = Results("finetune", arguments), describe()
    study = Study(results.folder / ("quick-runs" if arguments.quick else "runs"), WATER)
    systems = [QUICK]
    if not arguments.quick:
        study.data = arguments.data.resolve()
        systems = [METALS if index else molecules(pretraining(results.folder)) for index in arguments.systems]
    for system in systems:
        old = study.old_errors(system, study.pretrained(system))
        for count in (10,) if arguments.quick else (10, 50, system.most):
            for way in WAYS:
                row = results.part(
                    lambda s=system, w=way, c=count: study.measure(s, w, c), [system], system=system.name,
                    structures=count, way=way,
                )  # fmt: skip
                row["tests"], row["old before"] = {name: row[name] for name in system.tests}, old
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    scratch = {(row["system"], row["structures"]): row for row in results.rows if row["way"] == "from scratch"}

    def shown(row: Row, quantity: str) -> str:
        return ", ".join(f"{test[quantity]:.3g}" for test in row["tests"].values())

    def factor(row: Row) -> str:
        first = scratch[row["system"], row["structures"]]["tests"]
        return ", ".join(f"{first[name]['forces'] / test['forces']:.2g}" for name, test in row["tests"].items())

    results.finish(
        machine,
        [
            ("system", lambda row: row["system"]),
            ("new structures", lambda row: row["structures"]),
            ("way", lambda row: row["way"]),
            ("forces, meV/A", lambda row: shown(row, "forces")),
            ("times better than from scratch", factor),
            ("energy, meV/atom", lambda row: shown(row, "energy")),
            ("old data: forces, meV/A", lambda row: None if row["old"] is None else row["old"]["forces"]),
            ("before", lambda row: row["old before"]["forces"]),
            ("seconds", lambda row: row["seconds"]),
        ],
        "RMSE on test structures after equal numbers of steps",
    )


if __name__ == "__main__":
    main()
