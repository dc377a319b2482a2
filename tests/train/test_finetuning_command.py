# SPDX-License-Identifier: MIT
"""`mlip-finetune` with new species, new tasks and old data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.io import read, write
from finetuning_workplace import FinetuningPlace
from training_workplace import Workplace

from mlipkit.checkpoint import Task, load_checkpoint
from mlipkit.data.config import DataConfig
from mlipkit.data.convert import convert
from mlipkit.data.labels import Wanted
from mlipkit.export import export
from mlipkit.train.finetuning.growth import grown
from random_models import random_checkpoint


@pytest.fixture
def place(tmp_path: Path, finished: Workplace) -> FinetuningPlace:
    """Eight frames of the bundled water as new data, four others as old data."""
    frames = read(finished.data, ":")
    found = FinetuningPlace(tmp_path, finished.output / "best.ckpt", frames[:8])
    write(tmp_path / "old.extxyz", frames[8:])
    return found


def test_new_task_beside_the_old_one(place: FinetuningPlace) -> None:
    """Only the readouts train: the old task stays bit for bit, the new one learns."""
    data = {"train": {"path": "new.extxyz", "task": "mine"}, "split": {"validation": 0.3}}
    section = {"method": "frozen", "from_task": "default", "probe": "old.extxyz"}
    stronger = read(place.folder / "new.extxyz", ":")
    for frame in stronger:
        frame.calc.results["forces"] *= 1.5
    write(place.folder / "new.extxyz", stronger)
    place.succeeds(data=data, finetune=section, epochs=12, optimizer={"lr": 0.03}, schedule={"warmup_steps": 0})
    tuned, start = place.tuned, place.start
    assert [task.name for task in tuned.tasks] == ["default", "mine"]
    assert tuned.tasks[0] == start.tasks[0]
    column, old_column = tuned.parameters["readouts.0.linear.weight"], start.parameters["readouts.0.linear.weight"]
    assert torch.equal(column[:, :1], old_column)
    assert not torch.equal(column[:, 1:], old_column)
    rows = {(row["data"], row["quantity"]): row for row in place.summary["finetune"]["before_and_after"]}
    assert rows["old data", "forces"]["ratio"] == pytest.approx(1.0, abs=1e-5)
    assert rows["old data", "energy_per_atom"]["ratio"] == pytest.approx(1.0, abs=1e-4)
    history = load_checkpoint(place.output / "last.ckpt").training["progress"]["history"]
    assert history[-1]["train_loss"] < 0.95 * history[0]["train_loss"]
    assert place.summary["finetune"]["probe_structures"] == 4
    assert len(read(place.output / "split/probe.extxyz", ":")) == 4


def test_old_task_can_be_dropped(place: FinetuningPlace) -> None:
    data = {"train": "new.extxyz", "tasks": {"mine": {"level_of_theory": "another"}}}
    place.succeeds(data=data, finetune={"from_task": "default", "keep_tasks": False}, epochs=1)
    assert [(task.name, task.level_of_theory) for task in place.tuned.tasks] == [("mine", "another")]
    place.refused(
        "old data of task 'default', which keep_tasks: false drops",
        data=data,
        finetune={"from_task": "default", "keep_tasks": False, "probe": {"path": "old.extxyz", "task": "default"}},
        output=str(place.folder / "other"),
    )


def test_replayed_data_keep_their_energies_and_their_share(place: FinetuningPlace) -> None:
    replay = {"data": "old.extxyz", "share": 0.5, "held_out": 0.25}
    printed = place.succeeds(finetune={"replay": replay}, epochs=2)
    assert "finetune.replay: 5 of 10 structures of an epoch (50.0 %), from 3: 1.67 passes" in printed
    summary = place.summary
    assert summary["data"]["drawn_per_epoch"] == [
        {"source": "data.train", "structures": 5, "per_epoch": 5},
        {"source": "finetune.replay", "structures": 3, "per_epoch": 5},
    ]
    assert summary["steps"] == 2 * 4
    assert [Path(entry["path"]).name for entry in summary["datasets"]] == ["new.extxyz", "old.extxyz"]
    assert {row["data"] for row in summary["finetune"]["before_and_after"]} == {"new data", "old data"}
    assert place.tuned.tasks[0].e0 == place.start.tasks[0].e0  # the same task: its energies are kept
    place.refused(
        "is used twice: by data and by finetune.probe", finetune={"probe": {"path": "new.extxyz"}}, output="x"
    )


def test_from_stores_as_from_files(place: FinetuningPlace) -> None:
    """New data, replay and probe may be stores: the same run, bit for bit."""
    frames = read(place.folder / "old.extxyz", ":")
    write(place.folder / "probe.extxyz", frames[3:])
    write(place.folder / "old.extxyz", frames[:3])
    weights, rows = [], []
    for suffix in (".extxyz", ".mlipdata"):
        if suffix == ".mlipdata":
            for name in ("new", "old", "probe"):
                source = place.folder / f"{name}.extxyz"
                data = DataConfig.model_validate({"train": [str(source)]})
                convert([source], place.folder / f"{name}{suffix}", data, Wanted(), lambda done, file: None)
        section = {"replay": {"data": f"old{suffix}", "held_out": 0.3}, "probe": f"probe{suffix}"}
        place.output = place.folder / f"tuned{suffix[1:]}"
        place.succeeds(data__train=f"new{suffix}", finetune=section)
        weights.append(place.tuned.parameters)
        rows.append(place.summary["finetune"]["before_and_after"])
        assert place.summary["finetune"]["probe_structures"] == 2
    assert all(torch.equal(weights[0][name], value) for name, value in weights[1].items())
    assert rows[0] == rows[1]
    both = {"data__train": "new.mlipdata", "output": str(place.folder / "other")}
    place.refused("is used twice: by data and by finetune.probe", finetune={"probe": "new.mlipdata"}, **both)


def test_forgetting_is_told(place: FinetuningPlace) -> None:
    options = {"optimizer": {"lr": 0.3}, "schedule": {"warmup_steps": 0}, "ema": None, "epochs": 3}
    printed = place.succeeds(finetune={"probe": "old.extxyz", "forgetting": 1.01}, **options)
    assert "warning: the model forgets: on old data the RMSE of" in printed
    assert "more than finetune.forgetting 1.01" in printed


def with_sulfur(frames: list[Atoms]) -> list[Atoms]:
    result = []
    for frame in frames:
        copied = frame.copy()
        copied.info["energy"] = frame.get_potential_energy() - 300.0
        copied.arrays["forces"] = frame.get_forces()
        copied.symbols[int(np.argmax(copied.numbers == 8))] = "S"
        result.append(copied)
    return result


@pytest.mark.parametrize("method", ["full", "frozen", "lora"])
def test_new_species(place: FinetuningPlace, method: str) -> None:
    """Needs leave; rows of the new species train whatever the method, old rows only where everything does."""
    frames = read(place.folder / "new.extxyz", ":")
    write(place.folder / "new.extxyz", [*frames[:3], *with_sulfur(frames[3:])])
    place.refused(
        "the data hold S, which start.ckpt lacks (it has H, O); to add them to the model, set finetune.new_sp"
    )
    place.refused("S cannot start as 'P', which start.ckpt lacks", finetune={"new_species": {"S": "P"}})
    place.refused("new_species names O, which the checkpoint has", finetune={"new_species": {"O": "H"}})
    section = {"method": method, "new_species": True, **({"rank": 1} if method == "lora" else {})}
    place.succeeds(finetune=section, epochs=3)
    tuned = place.tuned
    assert tuned.config["species"] == ["H", "O", "S"]
    e0 = tuned.tasks[0].e0
    assert e0["S"] - e0["O"] == pytest.approx(-300.0, abs=1.0)
    before = grown(place.start, {"S": "O"}, {"default": "default"}).parameters
    for name in ("embedding", "layers.0.contraction.outputs.0.weight"):
        changed = [bool((tuned.parameters[name][k] != before[name][k]).any()) for k in range(3)]
        assert changed == [method == "full", method == "full", True], name
    export(tuned, place.folder / "tuned.pt")


def test_species_that_no_data_of_a_task_hold(place: FinetuningPlace) -> None:
    frames = read(place.folder / "new.extxyz", ":")
    write(place.folder / "new.extxyz", with_sulfur(frames))
    data = {"train": {"path": "new.extxyz", "task": "mine"}, "split": {"validation": 0.3}}
    printed = place.succeeds(data=data, finetune={"from_task": "default", "new_species": True}, epochs=1)
    assert "task default has no data with S: its E0 is that of task mine" in printed
    default, mine = place.tuned.tasks
    assert default.e0["S"] == mine.e0["S"]


def test_tasks_that_do_not_fit(place: FinetuningPlace) -> None:
    named = {"train": {"path": "new.extxyz", "task": "mine"}}
    place.refused("data name task 'mine', which start.ckpt lacks (it has default); for a new one, set", data=named)
    place.refused(
        "from_task 'defaut' is no task of start.ckpt; did you mean", data=named, finetune={"from_task": "defaut"}
    )
    place.refused("from_task is set, but no new task is named", finetune={"from_task": "default"})
    place.refused(
        "old data of task 'pbe', which start.ckpt lacks", finetune={"probe": {"path": "old.extxyz", "task": "pbe"}}
    )


def test_conditions_outside_of_their_range_are_refused(tmp_path: Path, finished: Workplace) -> None:
    frames = read(finished.data, ":4")
    frames[1].info["total_charge"] = 5
    config = {"species": ["H", "O"], "cutoff": 3.0, "channels": 4, "avg_num_neighbours": 9.0, "shift": [[0.1, 0.2]]}
    task = Task("low", "xTB", {"H": -10.0, "O": -90.0}, defaults={"total_charge": 0.0})
    before = random_checkpoint({**config, "total_charge_range": [-1, 1]}, [task])
    place = FinetuningPlace(tmp_path, before, frames)
    place.refused("new.extxyz, frame 1: total_charge 5 is not a whole number in [-1, 1]")
    frames[1].info["total_charge"] = 1
    write(tmp_path / "new.extxyz", frames)
    place.succeeds(epochs=1)
    assert place.tuned.tasks[0].defaults == {"total_charge": 0.0}
