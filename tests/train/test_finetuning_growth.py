# SPDX-License-Identifier: MIT
"""New species, new tasks and old data in fine-tuning: what was known stays, bit for bit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.io import read, write
from finetuning_workplace import FinetuningPlace
from training_workplace import Workplace

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import Checkpoint, Task, load_checkpoint
from mlipkit.data.config import DataConfig
from mlipkit.data.convert import convert
from mlipkit.data.graphs import GraphBuilder, collate
from mlipkit.data.labels import Wanted
from mlipkit.data.structure import Structure
from mlipkit.data.subset import Subset
from mlipkit.data.table import Tables
from mlipkit.export import export
from mlipkit.nn import MACEConfig, build_model, evaluate
from mlipkit.nn.axes import parameter_axes, readout_parameters
from mlipkit.train.batches import make_sampler
from mlipkit.train.config import TrainConfig
from mlipkit.train.finetuning.elements import group_and_period, nearest_element
from mlipkit.train.finetuning.growth import grown
from mlipkit.train.finetuning.references import find_references
from random_models import random_checkpoint

CONFIG = {"species": ["H", "O"], "cutoff": 3.0, "channels": 4, "hidden_l_max": 1, "l_max": 2, "correlation": 2}
ODD = {"zbl": True, "radial": {"transform": "agnesi"}, "density_normalization": "all", "first_layer_residual": False}
LOW, HIGH = Task("low", "xTB", {"H": -10.0, "O": -90.0}), Task("high", "DFT", {"H": -13.6, "O": -2040.0})


def checkpoint(options: dict, tasks: list[Task]) -> Checkpoint:
    config = {**CONFIG, "avg_num_neighbours": 9.0, **options, "shift": [[0.1, 0.2]] * len(tasks)}
    if options.get("zbl"):
        config |= {"zbl_scale": [0.5] * len(tasks), "covalent_radii": [0.4, 0.7]}
    return random_checkpoint(config, tasks)


def structure(symbols: str, task: str, seed: int = 0) -> Structure:
    rng = np.random.default_rng(seed)
    atoms = Atoms(symbols)
    positions = 1.2 * np.array([[i % 2, i // 2 % 2, i // 4] for i in range(len(atoms))]) + rng.normal(
        0, 0.1, (len(atoms), 3)
    )
    return Structure(atoms.numbers, positions, np.zeros((3, 3)), (False,) * 3, "none", 0, task)  # type: ignore[arg-type]


def predictions(found: Checkpoint, structures: list[Structure], dtype: torch.dtype = torch.float64):  # type: ignore[no-untyped-def]
    tasks = [task.name for task in found.tasks]
    builder = GraphBuilder(found.config["species"], found.config["cutoff"], tasks, dtype)
    batch = collate([builder.graph(structure) for structure in structures])
    return evaluate(found.build().to(dtype), batch, training=False)


@pytest.mark.parametrize("options", [{}, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("tasks", [[LOW], [LOW, HIGH]], ids=["one", "two"])
def test_new_species_leave_old_predictions_as_they_were(options: dict, dtype: torch.dtype, tasks: list[Task]) -> None:
    """Bit for bit."""
    before = checkpoint(options, tasks)
    after = grown(before, {"S": "O", "Cl": "O"}, {task.name: task.name for task in tasks})
    assert after.config["species"] == ["H", "O", "S", "Cl"]
    assert after.tasks[-1].e0 == {**tasks[-1].e0, "S": 0.0, "Cl": 0.0}
    old = [structure("OHHOHH", task.name, seed) for seed, task in enumerate(tasks)]
    first, second = predictions(before, old, dtype), predictions(after, old, dtype)
    assert torch.equal(first.energies, second.energies)
    assert torch.equal(first.forces, second.forces)


@pytest.mark.parametrize("tasks", [[LOW], [LOW, HIGH]], ids=["one", "two"])
def test_new_task_starts_as_its_source(tasks: list[Task]) -> None:
    """To rounding: the readouts of all tasks are one product, whose sums follow its size."""
    before = checkpoint({"total_charge_range": [-1, 1]}, tasks)
    for task in before.tasks:
        task.defaults = {"total_charge": 0.0}
    names = {task.name: task.name for task in tasks}
    after = grown(before, {}, {**names, "mine": tasks[-1].name})
    assert [task.name for task in after.tasks] == [*names, "mine"]
    assert after.tasks[-1].e0 == tasks[-1].e0
    assert after.tasks[-1].defaults == {"total_charge": 0.0}
    old = [structure("OHHOHH", task.name, seed) for seed, task in enumerate(tasks)]
    new = structure("OHHOHH", "mine", len(tasks) - 1)
    for found in (*old, new):
        found.conditions["total_charge"] = 1.0
    expected = predictions(before, old)
    torch.testing.assert_close(predictions(after, old).energies, expected.energies, rtol=0, atol=1e-13)
    torch.testing.assert_close(predictions(after, [new]).energies, expected.energies[-6:], rtol=0, atol=1e-13)


def test_new_species_starts_as_its_source_but_for_its_radius() -> None:
    plain = grown(checkpoint({}, [LOW]), {"S": "O"}, {"low": "low"})
    water, sulfide = predictions(plain, [structure("OHH", "low")]), predictions(plain, [structure("SHH", "low")])
    assert torch.equal(water.forces, sulfide.forces)
    odd = grown(checkpoint(ODD, [LOW]), {"S": "O"}, {"low": "low"})
    assert odd.config["covalent_radii"] == [0.4, 0.7, pytest.approx(1.05)]
    water, sulfide = predictions(odd, [structure("OHH", "low")]), predictions(odd, [structure("SHH", "low")])
    assert not torch.allclose(water.forces, sulfide.forces)


def test_dropped_tasks_leave_the_others_as_they_were() -> None:
    before = checkpoint({}, [LOW, HIGH])
    after = grown(before, {}, {"high": "high"})
    assert after.config["tasks"] == ["high"]
    of_high = [structure("OHHOHH", "high")]
    again = grown(after, {}, {"high": "high", "third": "high"})
    expected = predictions(before, of_high).energies
    for found in (after, again):
        torch.testing.assert_close(predictions(found, of_high).energies, expected, rtol=0, atol=1e-13)


def test_nothing_to_change_is_the_same_checkpoint() -> None:
    before = checkpoint({}, [LOW, HIGH])
    assert grown(before, {}, {"low": "low", "high": "high"}) is before


def test_grown_model_is_frozen_and_runs_in_the_engine(tmp_path: Path) -> None:
    after = grown(checkpoint(ODD, [LOW, HIGH]), {"S": "O"}, {"high": "high"})
    after.tasks[0].e0["S"] = -400.0
    export(after, tmp_path / "grown.pt")
    atoms = structure("SHHOHH", "high").to_atoms()
    atoms.calc = MLIPCalculator(tmp_path / "grown.pt", precision="double")
    expected = predictions(after, [structure("SHHOHH", "high")])
    np.testing.assert_allclose(atoms.get_forces(), expected.forces.numpy(), atol=1e-9)


def test_every_parameter_says_what_its_axes_are() -> None:
    """Their lengths are those of a model with other numbers of species and tasks."""
    options = {**CONFIG, **ODD, "avg_num_neighbours": 9.0, "outputs": [{"name": "q", "unit": "e"}]}
    options |= {"total_charge_range": [-1, 1], "species": ["H", "C", "N", "O", "F"], "tasks": [*"abcdefg"]}
    options |= {"hidden_l_max": 0}
    model = build_model("mace", MACEConfig.model_validate(options))
    axes = parameter_axes(model)
    for name, parameter in model.named_parameters():
        assert len(axes[name]) == parameter.dim(), name
        for kind, size in (("species", 5), ("task", 7)):
            assert [axis == kind for axis in axes[name]] == [length == size for length in parameter.shape], name
    assert set(readout_parameters(model)) == {name for name in axes if name.split(".")[0] in {"readouts", "outputs"}}


def test_nearest_elements() -> None:
    places = {"H": (1, 1), "He": (18, 1), "B": (13, 2), "Sc": (3, 4), "Br": (17, 4), "La": (3, 6), "Lu": (3, 6)}
    places |= {"Hf": (4, 6), "Pb": (14, 6), "Og": (18, 7), "U": (3, 7)}
    assert {symbol: group_and_period(symbol) for symbol in places} == places
    organic = ["H", "C", "N", "O"]
    expected = {"F": "O", "S": "O", "P": "N", "Si": "C", "Li": "H"}
    assert {symbol: nearest_element(symbol, organic) for symbol in expected} == expected
    assert nearest_element("Mo", ["Nb", "Ta", "W"]) == "W"
    assert nearest_element("Nd", ["Y", "La", "Eu", "Hf"]) == "La"


def labelled(symbols: str, energy: float) -> Structure:
    found = structure(symbols, "low")
    found.energy = energy
    return found


def test_undetermined_combinations_keep_their_old_value() -> None:
    old = {"H": -10.0, "C": -30.0, "O": -90.0}
    structures = [labelled("OHH", -110.0 - 6.0), labelled("OHHOHH", -220.0 - 12.0)]
    found = find_references("t", old, [], {}, [], structures, np.zeros(2), refit=True)
    assert found.energies.values["C"] == -30.0
    assert found.energies.source == {"H": "fit to residuals", "C": "checkpoint", "O": "fit to residuals"}
    assert found.energies.values["H"] == pytest.approx(-10.0 - 6.0 * 2 / 5)
    assert found.energies.values["O"] == pytest.approx(-90.0 - 6.0 * 1 / 5)
    assert found.rms_old == pytest.approx(2.0)
    assert found.rms_new == pytest.approx(0.0, abs=1e-9)


def test_energies_of_a_dissolved_ion_go_to_the_ion() -> None:
    """Old species fit already: the new one takes up what it brings, water nothing."""
    old = {"H": -10.0, "O": -90.0, "Na": 0.0}
    interaction = np.array([-1.0, -2.0])
    structures = [labelled("NaOHHOHH", -4000.0 - 220.0 - 1.0), labelled("NaOHHOHHOHH", -4000.0 - 330.0 - 2.0)]
    for refit in (False, True):
        found = find_references("t", old, ["Na"], {}, [], structures, interaction, refit)
        assert found.energies.values == pytest.approx({"H": -10.0, "O": -90.0, "Na": -4000.0})
        assert np.isnan(found.rms_old)


def dimers(count: int) -> Subset:
    structures = [structure("HO", "t", seed) for seed in range(count)]
    graphs = [GraphBuilder(["H", "O"], 3.0, ["t"], torch.float64).graph(found) for found in structures]
    return Subset(structures, graphs, Tables().of(structures, graphs))


def with_replay(share: float, **options: Any) -> TrainConfig:
    finetune = {"replay": {"data": "old", "share": share}}
    return TrainConfig.model_validate(
        {"output": "o", "init": "i", "data": {"train": "a"}, "finetune": finetune, "seed": 3, **options}
    )


def test_replay_counts() -> None:
    """Every new structure once per epoch, old ones in turn, so many that they have their share."""
    sampler = make_sampler(with_replay(0.25), dimers(12), dimers(5))
    assert len(sampler) == 4
    seen: Counter[int] = Counter()
    for epoch in range(10):
        chosen = [index for _ in range(len(sampler)) for index in sampler.next()]
        assert sampler.epoch == epoch + 1
        assert sorted(index for index in chosen if index < 12) == list(range(12))
        old = [index for index in chosen if index >= 12]
        assert len(old) == 4
        seen.update(old)
    assert seen == dict.fromkeys(range(12, 17), 8)
    sampler = make_sampler(with_replay(0.9, batch_size=1), dimers(3), dimers(50))
    assert len(sampler) == 3 + 27
    sampler = make_sampler(with_replay(0.5, batch_edges=6), dimers(4), dimers(5))  # two edges each
    assert [len(sampler.next()) for _ in range(3)] == [3, 3, 2]


# ---- the command


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
    before = checkpoint({"total_charge_range": [-1, 1]}, [LOW])
    before.tasks[0].defaults = {"total_charge": 0.0}
    place = FinetuningPlace(tmp_path, before, frames)
    place.refused("new.extxyz, frame 1: total_charge 5 is not a whole number in [-1, 1]")
    frames[1].info["total_charge"] = 1
    write(tmp_path / "new.extxyz", frames)
    place.succeeds(epochs=1)
    assert place.tuned.tasks[0].defaults == {"total_charge": 0.0}
