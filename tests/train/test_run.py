# SPDX-License-Identifier: MIT
"""Whole runs on a few frames of the bundled water: files, resuming, reproducibility, limits."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import torch
from ase.io import read, write
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_workplace import Workplace

from mlipkit.checkpoint import load_checkpoint
from mlipkit.nn.evaluate import evaluate


def log(place: Workplace) -> list[dict[str, float]]:
    with open(place.output / "log.csv") as stream:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def same(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_loss_falls_and_everything_is_written(finished: Workplace) -> None:
    rows = log(finished)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["train_loss"] < 0.5 * rows[0]["train_loss"]
    assert rows[-1]["validation_loss"] < rows[0]["validation_loss"]
    assert rows[-1]["forces_rmse"] < rows[0]["forces_rmse"]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    names = {path.name for path in finished.output.iterdir()}
    assert names >= {"best.ckpt", "last.ckpt", "config.yaml", "log.csv", "summary.json", "split"}
    for plot in ("learning-curve.png", "parity-validation.png", "force-errors-validation.png"):
        assert (finished.output / plot).read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in (finished.output / "split").iterdir()} == {"split.json", "validation.extxyz"}


def test_summary(finished: Workplace) -> None:
    summary = json.loads((finished.output / "summary.json").read_text())
    errors = summary["errors"]["validation"]
    assert set(errors) == {"energy_per_atom", "forces", "stress"}
    assert errors["forces"]["unit"] == "eV/angstrom"
    assert set(errors["forces"]["per_element"]) == {"H", "O"}
    assert errors["forces"]["rmse"] >= errors["forces"]["mae"] > 0
    best = min(log(finished), key=lambda row: row["validation_loss"])
    assert summary["best"]["epoch"] == best["epoch"]
    assert errors["forces"]["rmse"] == pytest.approx(best["forces_rmse"], rel=1e-4)
    assert len(summary["config_sha256"]) == len(summary["datasets"][0]["sha256"]) == 64
    assert summary["steps"] == 4 * 3
    assert summary["n_parameters"] == sum(
        p.numel() for p in load_checkpoint(finished.output / "best.ckpt").parameters.values()
    )
    assert set(summary["seconds"]) == {"setup", "training", "evaluation"}
    assert summary["versions"]["torch"] == torch.__version__


def test_warning_of_undetermined_e0_is_printed(workplace: Workplace) -> None:
    result = workplace.train(epochs=1, data__tasks={})
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "warning: task 'default': the compositions do not determine" in text
    assert "+1 H -2 O" in text


def test_checkpoint_is_the_model(finished: Workplace) -> None:
    """The validation errors in the log are those of the weights in best.ckpt, evaluated from scratch."""
    checkpoint = load_checkpoint(finished.output / "best.ckpt")
    assert checkpoint.dtype == "float32"
    assert checkpoint.tasks[0].e0["H"] == -10.0
    assert checkpoint.config["species"] == ["H", "O"]
    assert checkpoint.config["scale"][0] == pytest.approx(
        json.loads((finished.output / "summary.json").read_text())["data"]["statistics"]["forces_rms"]
    )
    from mlipkit.data.graphs import GraphBuilder, add_reference_energies, collate
    from mlipkit.data.structure import Structure

    frames = read(finished.output / "split/validation.extxyz", ":")
    model = checkpoint.build()
    builder = GraphBuilder(checkpoint.config["species"], checkpoint.config["cutoff"], ["default"], torch.float64)
    graphs = [
        builder.graph(
            Structure(a.numbers.astype(np.int64), a.positions, np.array(a.cell), tuple(a.pbc), "", 0, "default")
        )
        for a in frames
    ]
    add_reference_energies(graphs, [checkpoint.tasks[0].e0], checkpoint.config["species"])
    found = evaluate(model, collate(graphs), training=False)
    forces = np.concatenate([atoms.get_forces() for atoms in frames])
    energies = np.array([atoms.get_potential_energy() for atoms in frames])
    best = min(log(finished), key=lambda row: row["validation_loss"])
    assert np.sqrt(((found.forces.numpy() - forces) ** 2).mean()) == pytest.approx(best["forces_rmse"], rel=1e-4)
    sizes = np.array([len(atoms) for atoms in frames])
    assert np.abs((found.energy.numpy() - energies) / sizes).mean() == pytest.approx(best["energy_mae"], rel=1e-3)


def test_same_seed_same_weights(workplace: Workplace, finished: Workplace) -> None:
    assert workplace.train().exit_code == 0
    ours, theirs = (load_checkpoint(place.output / "last.ckpt") for place in (workplace, finished))
    assert same(ours.parameters, theirs.parameters)
    assert same(ours.training["weights"], theirs.training["weights"])
    assert workplace.train("--overwrite", seed=4).exit_code == 0
    assert not same(load_checkpoint(workplace.output / "last.ckpt").parameters, theirs.parameters)


def test_resumed_run_equals_the_uninterrupted_one(workplace: Workplace, finished: Workplace) -> None:
    # a constant rate, because the shape of the others depends on the number of epochs
    options = {"schedule": {"kind": "constant", "warmup_steps": 5}}
    assert workplace.train(**options).exit_code == 0
    whole = load_checkpoint(workplace.output / "last.ckpt")
    assert workplace.train("--overwrite", epochs=2, **options).exit_code == 0
    assert len(log(workplace)) == 2
    result = workplace.train("--resume", **options)
    assert result.exit_code == 0, result.output
    assert "resumed after epoch 2, step 6" in result.output
    resumed = load_checkpoint(workplace.output / "last.ckpt")
    assert same(resumed.parameters, whole.parameters)
    assert same(resumed.training["weights"], whole.training["weights"])
    assert [row["epoch"] for row in log(workplace)] == [1, 2, 3, 4]


def test_existing_runs_are_safe(workplace: Workplace, finished: Workplace) -> None:
    before = (finished.output / "last.ckpt").read_bytes()
    for options, message in [
        ((), "already holds a run (last.ckpt); use --resume, --overwrite"),
        (("--resume", "--set", "batch_size=2"), "batch_size differ from the run"),
        (("--resume", "--set", "model.channels=8"), "model.channels differ from the run"),
        (("--resume", "--set", "model.architecture=other"), "model.architecture: unknown 'other'"),
        (("--resume", "--overwrite"), "exclude each other"),
    ]:
        workplace.output = finished.output
        result = workplace.train(*options)
        assert result.exit_code == 1
        assert message in " ".join(result.output.split())
    assert (finished.output / "last.ckpt").read_bytes() == before


def test_changed_data_cannot_be_resumed(workplace: Workplace) -> None:
    frames = read(workplace.data, ":")
    workplace.data = workplace.folder / "copy.extxyz"
    write(workplace.data, frames)
    assert workplace.train(epochs=1).exit_code == 0
    write(workplace.data, frames[::-1])
    result = workplace.train("--resume", epochs=2)
    assert result.exit_code == 1
    assert "data files have changed" in result.output


def test_time_limit_stops_and_anneals(workplace: Workplace) -> None:
    result = workplace.train(epochs=100000, max_minutes=0.03)
    assert result.exit_code == 0, result.output
    assert "time limit of 0.03 minutes reached" in result.output
    rows = log(workplace)
    assert rows[-1]["seconds"] >= 1.8  # how much more depends on how busy the machine is
    assert rows[-1]["epoch"] < 100000
    assert rows[-1]["learning_rate"] < 0.5 * rows[0]["learning_rate"]
    # and a longer limit lets it go on from inside the epoch
    steps = rows[-1]["step"]
    assert workplace.train("--resume", epochs=100000, max_minutes=0.05).exit_code == 0
    assert log(workplace)[-1]["step"] > steps


def test_patience_stops(workplace: Workplace) -> None:
    result = workplace.train(epochs=50, patience=2, optimizer__lr=1e-12, ema=None)
    assert result.exit_code == 0, result.output
    assert "no improvement for 2 epochs" in result.output
    assert len(log(workplace)) == 3


def test_divergence_stops_and_keeps_the_last_good_checkpoint(workplace: Workplace) -> None:
    assert workplace.train(epochs=2, schedule__kind="constant").exit_code == 0
    good = load_checkpoint(workplace.output / "last.ckpt")
    for name in good.training["weights"]:
        good.training["weights"][name].fill_(float("nan"))
    good.save(workplace.output / "last.ckpt")
    result = workplace.train("--resume", epochs=3, schedule__kind="constant")
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert "the loss or its gradient is not finite (loss nan) in epoch 2.3333, step 7; best.ckpt holds epoch 2" in text
    assert "Traceback" not in result.output
    assert load_checkpoint(workplace.output / "last.ckpt").training["progress"]["step"] == 6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_precisions_and_huber(workplace: Workplace, dtype: str) -> None:
    result = workplace.train(epochs=2, dtype=dtype, loss__kind="huber", batch_size=9, schedule__kind="plateau")
    assert result.exit_code == 0, result.output
    checkpoint = load_checkpoint(workplace.output / "best.ckpt")
    assert {p.dtype for p in checkpoint.parameters.values()} == {getattr(torch, dtype)}


def test_tensorboard_has_the_log(workplace: Workplace) -> None:
    """Also of a run that was resumed from before what was already written."""
    options = {"schedule": {"kind": "constant"}}
    assert workplace.train(epochs=1, **options).exit_code == 0
    saved = (workplace.output / "last.ckpt").read_bytes()
    assert workplace.train("--resume", epochs=2, **options).exit_code == 0
    (workplace.output / "last.ckpt").write_bytes(saved)
    assert workplace.train("--resume", epochs=3, **options).exit_code == 0
    events = EventAccumulator(str(workplace.output / "tensorboard"))
    events.Reload()
    rows = log(workplace)
    for name, column in (("loss/validation", "validation_loss"), ("rmse/forces", "forces_rmse")):
        scalars = events.Scalars(name)
        assert [scalar.step for scalar in scalars] == [row["step"] for row in rows]
        np.testing.assert_allclose([scalar.value for scalar in scalars], [row[column] for row in rows], rtol=1e-6)
