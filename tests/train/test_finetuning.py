# SPDX-License-Identifier: MIT
"""``mlip-finetune``: what trains, E0, reports, refusals, resuming."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from ase import Atoms
from ase.io import read, write
from finetuning_workplace import FinetuningPlace
from test_survival import comparable
from training_workplace import Workplace

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import load_checkpoint
from mlipkit.data.config import DataConfig
from mlipkit.data.graphs import GraphBuilder, add_reference_energies
from mlipkit.data.labels import Wanted, read_structures
from mlipkit.export import export
from mlipkit.nn import evaluate
from mlipkit.train.config_file import load_config
from mlipkit.train.finetune_config import FinetuneConfig
from mlipkit.train.finetuning.adapters import LowRank, choose_trained, plain_parameters

SHIFT = {"H": 1.5, "O": -20.0}  # eV: another level of theory


def shifted(frames: list[Atoms]) -> list[Atoms]:
    """The same forces at another level of theory: other energies of the atoms."""
    result = []
    for frame in frames:
        copied = frame.copy()
        moved = sum(SHIFT[symbol] for symbol in frame.get_chemical_symbols())
        copied.info["energy"] = frame.get_potential_energy() + moved
        copied.arrays["forces"] = 1.1 * frame.get_forces()
        result.append(copied)
    return result


@pytest.fixture
def frames(finished: Workplace) -> list[Atoms]:
    return read(finished.data, ":")


@pytest.fixture
def place(tmp_path: Path, finished: Workplace, frames: list[Atoms]) -> FinetuningPlace:
    """Six new frames of another level of theory, and the old ones beside them."""
    found = FinetuningPlace(tmp_path, finished.output / "best.ckpt", shifted(frames[:6]))
    write(tmp_path / "old.extxyz", frames)
    return found


def test_all_parameters_train_and_the_report_compares(place: FinetuningPlace) -> None:
    printed = place.succeeds(epochs=15, optimizer={"lr": 0.02}, schedule={"warmup_steps": 0})
    summary = place.summary
    assert "reference energies (eV) before step 1" in printed
    assert "before and after: RMSE" in printed
    assert "no old data are given" in printed
    assert (place.output / "before-after.png").is_file()
    rows = {(row["data"], row["quantity"]): row for row in summary["finetune"]["before_and_after"]}
    assert set(rows) == {("new data", "energy_per_atom"), ("new data", "forces")}
    forces = rows["new data", "forces"]
    assert forces["rmse_after"] == summary["errors"]["validation"]["forces"]["rmse"]
    assert forces["rmse_after"] < 0.9 * forces["rmse_before"]
    start, tuned = place.start.parameters, place.tuned.parameters
    assert not [name for name in start if torch.equal(tuned[name], start[name])]


def test_defaults_are_those_of_fine_tuning(place: FinetuningPlace) -> None:
    place.succeeds(finetune={"method": "lora", "rank": 1}, schedule={"kind": "linear"})
    written = yaml.safe_load((place.output / "config.yaml").read_text())
    assert written["optimizer"]["lr"] == 0.003
    assert written["optimizer"]["weight_decay"] == 0.0
    assert (written["schedule"]["kind"], written["schedule"]["warmup_steps"]) == ("linear", 20)
    assert load_config(place.output / "config.yaml").model_dump(mode="json") == written
    assert load_config(place.folder / "finetune.yaml", ["optimizer.lr=0.5"]).optimizer.lr == 0.5


def test_reference_energies_are_fitted_to_what_the_model_leaves(place: FinetuningPlace, frames: list[Atoms]) -> None:
    """The shift is found although one composition does not tell H from O; what it does not tell stays."""
    place.succeeds(epochs=1)
    found = place.summary["finetune"]["reference_energies"]["default"]
    assert place.tuned.tasks[0].e0 == found["new"]
    write(place.folder / "new.extxyz", frames[:6])  # the same without the shift
    place.succeeds("--overwrite", epochs=1)
    unshifted = place.summary["finetune"]["reference_energies"]["default"]
    change = {symbol: found["new"][symbol] - unshifted["new"][symbol] for symbol in "HO"}
    assert 2 * change["H"] + change["O"] == pytest.approx(2 * SHIFT["H"] + SHIFT["O"], abs=1e-6)
    assert change["H"] == pytest.approx(2 * change["O"])  # the shortest way: along the composition
    assert found["undetermined"] == ["+1 H -2 O"]
    assert found["source"] == {"H": "fit to residuals", "O": "fit to residuals"}
    assert found["rms_old"] > 5.0
    assert found["rms_new"] == pytest.approx(unshifted["rms_new"], abs=1e-6)


def test_given_energies_and_isolated_atoms_win_over_the_fit(place: FinetuningPlace, frames: list[Atoms]) -> None:
    hydrogen = Atoms("H", info={"energy": -9.0, "config_type": "IsolatedAtom"})
    write(place.folder / "new.extxyz", [*shifted(frames[:6]), hydrogen])
    printed = place.succeeds(data__tasks={"default": {"e0": {"O": -150.0}}}, epochs=1)
    assert "task default: with these E0 the model is off by" in printed
    assert place.tuned.tasks[0].e0 == {"H": -9.0, "O": -150.0}
    place.succeeds("--overwrite", data__tasks={"default": {"e0": {"O": -150.0}}}, epochs=1, finetune={"e0": "keep"})
    assert place.tuned.tasks[0].e0 == {"H": -9.0, "O": -150.0}


def test_kept_energies_are_those_of_the_checkpoint(place: FinetuningPlace) -> None:
    place.succeeds(finetune={"e0": "keep"}, epochs=1)
    assert place.tuned.tasks[0].e0 == place.start.tasks[0].e0


def test_frozen_parameters_stay_bit_for_bit(place: FinetuningPlace) -> None:
    printed = place.succeeds(finetune={"method": "frozen", "unfreeze": ["embedding"]}, epochs=3, dtype="float32")
    trained = {"embedding", "readouts.0.linear.weight", "readouts.1.hidden", "readouts.1.out"}
    assert f"in full: {', '.join(name for name in place.start.parameters if name in trained)}" in printed
    before, after = place.start.parameters, place.tuned.parameters
    assert {name for name in before if not torch.equal(before[name], after[name])} == trained
    assert set(place.summary["finetune"]["trained"]["frozen"]) == set(before) - trained


def test_merged_updates_are_the_model_that_was_trained(place: FinetuningPlace, tmp_path: Path) -> None:
    """Forward with updates, the checkpoint with their sums, and the engine with the artifact give the same numbers."""
    options = FinetuneConfig(method="lora", rank=1, alpha=2.0)
    model = place.start.build()
    plain = {name: value.clone() for name, value in model.named_parameters()}
    torch.manual_seed(0)
    trained = choose_trained(model, options, 0)
    assert "layers.0.skip.weight" in trained.low_rank
    assert "layers.1.convolution.mixing" in trained.low_rank
    for name, value in plain_parameters(model).items():
        assert torch.equal(value, plain[name]), name  # updates start at zero
    for module in model.modules():
        if isinstance(module, LowRank):
            module.up.data.normal_(std=0.1)
    checkpoint = place.start
    checkpoint.dtype = "float64"
    checkpoint.parameters = {name: value.clone() for name, value in plain_parameters(model).items()}
    assert not torch.equal(checkpoint.parameters["layers.0.skip.weight"], plain["layers.0.skip.weight"])
    data = DataConfig.model_validate({"train": "old.extxyz"})
    structures = read_structures(place.folder / "old.extxyz", data.train[0], data, Wanted())
    builder = GraphBuilder(["H", "O"], 3.0, ["default"], torch.float64)
    graphs = [builder.graph(structure) for structure in structures[:3]]
    add_reference_energies(graphs, [checkpoint.tasks[0].e0], ["H", "O"])
    merged = checkpoint.build()
    export(checkpoint, tmp_path / "merged.pt")
    calculator = MLIPCalculator(tmp_path / "merged.pt", precision="double")
    for structure, graph in zip(structures, graphs, strict=False):
        with_updates, with_sums = (evaluate(m, graph, training=False) for m in (model, merged))
        torch.testing.assert_close(with_updates.energies, with_sums.energies, rtol=0, atol=1e-12)
        torch.testing.assert_close(with_updates.forces, with_sums.forces, rtol=0, atol=1e-12)
        atoms = structure.to_atoms()
        atoms.calc = calculator
        np.testing.assert_allclose(atoms.get_forces(), with_updates.forces.numpy(), atol=1e-9)
        assert atoms.get_potential_energy() == pytest.approx(float(with_updates.energy), abs=1e-9)


def test_low_rank_training_learns_and_its_checkpoint_is_plain(place: FinetuningPlace) -> None:
    place.succeeds(finetune={"method": "lora", "rank": 1}, optimizer={"lr": 0.02}, epochs=6, dtype="float64")
    tuned, start = place.tuned, place.start
    assert set(tuned.parameters) == set(start.parameters)
    before = {name: value.double() for name, value in start.parameters.items()}
    changed = {name for name, value in tuned.parameters.items() if not torch.equal(value, before[name])}
    described = place.summary["finetune"]["trained"]
    assert changed == {*described["low_rank"], *described["whole"]}
    for name in described["low_rank"]:
        update = tuned.parameters[name] - before[name]
        assert torch.linalg.matrix_rank(update, rtol=1e-9).max() == 1, name
    rows = place.summary["finetune"]["before_and_after"]
    assert all(row["ratio"] < 1 for row in rows if row["quantity"] == "forces")
    assert described["numbers"] < 0.2 * place.summary["n_parameters"]


@pytest.mark.parametrize("method", ["lora", "frozen"])
def test_resuming_changes_nothing(place: FinetuningPlace, method: str) -> None:
    changes = {
        "finetune": {"method": method, "replay": {"data": "old.extxyz", "share": 0.4}},
        "schedule": {"kind": "constant"},
    }
    place.succeeds(epochs=4, **changes)
    whole = load_checkpoint(place.output / "last.ckpt")
    best = place.tuned
    place.output = place.folder / "resumed"
    place.succeeds(epochs=2, **changes)
    assert "resumed after epoch 2" in place.succeeds("--resume", epochs=4, **changes)
    resumed = load_checkpoint(place.output / "last.ckpt")
    assert comparable(resumed.training) == comparable(whole.training)
    assert comparable(resumed.parameters) == comparable(whole.parameters)
    assert comparable(place.tuned.parameters) == comparable(best.parameters)
    assert resumed.tasks == whole.tasks


def test_two_processes_take_the_steps_of_one(place: FinetuningPlace) -> None:
    changes: dict[str, Any] = {
        "finetune": {"method": "lora", "rank": 1, "replay": {"data": {"path": "old.extxyz", "frames": ":-2"}}},
        "dtype": "float64",
        "data__validation": {"path": "old.extxyz", "frames": "-2:"},
        "data__split": {},
    }
    place.succeeds(**changes)
    one = place.tuned
    place.output = place.folder / "double"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "mlipkit.cli.finetune"]
    command = [sys.executable, *launcher, str(place.write(**changes))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert place.summary["processes"] == 2
    for name, value in place.tuned.parameters.items():
        torch.testing.assert_close(value, one.parameters[name], rtol=0, atol=1e-9)


def test_metadata_of_the_checkpoint_stay(place: FinetuningPlace) -> None:
    start = place.start
    start.metadata = {"license": "CC-BY-4.0", "authors": ["Somebody"], "citation": []}
    start.save(place.folder / "start.ckpt")
    place.succeeds(metadata={"authors": ["Me"]}, epochs=1)
    assert place.tuned.metadata == {"license": "CC-BY-4.0", "authors": ["Me"], "citation": []}


def test_labels_of_the_model_itself_are_refused(place: FinetuningPlace, frames: list[Atoms]) -> None:
    export(place.start, place.folder / "start.pt")
    labelled = []
    for frame in frames[:6]:
        frame.calc = MLIPCalculator(place.folder / "start.pt", precision="double")
        copied = frame.copy()
        copied.info["energy"], copied.arrays["forces"] = frame.get_potential_energy(), frame.get_forces()
        labelled.append(copied)
    write(place.folder / "new.extxyz", labelled)
    place.refused("the labels are what the checkpoint predicts, to within rounding")


def test_refusals(place: FinetuningPlace, frames: list[Atoms]) -> None:
    place.refused("finetune needs `init`: the checkpoint to start from", init=None)
    place.refused("with init the model is that of the checkpoint; remove `model`", model={"architecture": "mace"})
    place.refused("with init the model is that of the checkpoint; remove `model`", model={"cutoff": 5.0})
    place.refused("`finetune.method`: input should be 'full', 'frozen' or 'lora'", finetune={"method": "lore"})
    place.refused("with method full everything trains", finetune={"unfreeze": ["embedding"]})
    place.refused("`rank` belongs to method lora, not frozen", finetune={"method": "frozen", "rank": 4})
    place.refused(
        "no parameter matches 'embeding'; did you mean 'embedding'?",
        finetune={"method": "frozen", "unfreeze": ["embeding"]},
    )
    place.refused("data.tasks.default.e0 names C; the species are H, O", data__tasks={"default": {"e0": {"C": -1.0}}})
    place.refused("no training structure has a label for forces", data__keys={"forces": None})
    place.refused("unknown key `finetune.metod`; did you mean 'method'?", finetune={"metod": "full"})


def test_a_task_without_any_label_is_refused(place: FinetuningPlace, frames: list[Atoms]) -> None:
    bare = [Atoms(f.numbers, f.positions, cell=f.cell, pbc=f.pbc) for f in frames[6:9]]
    write(place.folder / "bare.extxyz", bare)
    entries = [
        {"path": "new.extxyz", "task": "default"},
        {"path": "bare.extxyz", "task": "mine", "incomplete": ["energy", "forces"]},
    ]
    place.refused(
        "training structures of task 'mine' has a label that the loss asks for (energy, forces)",
        data={"train": entries, "validation": {"path": "old.extxyz", "task": "default"}},
        finetune={"from_task": "default"},
    )


def test_help_imports_no_torch() -> None:
    code = "import sys, mlipkit.cli.finetune, mlipkit.train.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
