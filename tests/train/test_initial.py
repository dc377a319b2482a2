# SPDX-License-Identifier: MIT
"""Training that starts from a checkpoint."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from training_workplace import Workplace

from mlipkit.checkpoint import Task, load_checkpoint
from random_models import random_checkpoint

TINY = 1e-30  # a learning rate that changes nothing


def test_first_epoch_is_that_of_the_given_weights(workplace: Workplace, finished: Workplace) -> None:
    """Nothing is learnt: validation errors, normalisation and E0 are those of the checkpoint."""
    best = finished.output / "best.ckpt"
    shutil.copy(best, workplace.folder / "start.ckpt")
    changes = {
        "init": "start.ckpt",
        "model": {},
        "data__tasks": {},
        "optimizer__lr": TINY,
        "optimizer__weight_decay": 0,
    }
    result = workplace.train(**changes, epochs=1)
    assert result.exit_code == 0, result.output
    before, after = load_checkpoint(best), load_checkpoint(workplace.output / "best.ckpt")
    assert after.config == before.config
    assert after.tasks == before.tasks
    for name, value in before.parameters.items():
        torch.testing.assert_close(after.parameters[name], value, rtol=1e-6, atol=0)
    summaries = [json.loads((place.output / "summary.json").read_text()) for place in (finished, workplace)]
    rmse = [summary["errors"]["validation"]["forces"]["rmse"] for summary in summaries]
    assert rmse[1] == pytest.approx(rmse[0], rel=1e-4)
    assert summaries[1]["init"]["path"] == "start.ckpt"
    assert len(summaries[1]["init"]["sha256"]) == 64


def test_learning_goes_on_and_resumes(workplace: Workplace, finished: Workplace) -> None:
    shutil.copy(finished.output / "best.ckpt", workplace.folder / "start.ckpt")
    changes = {"init": "start.ckpt", "model": {}, "data__tasks": {}, "schedule": {"kind": "constant"}}
    assert workplace.train(**changes, epochs=1).exit_code == 0
    assert workplace.train("--resume", **changes, epochs=6).exit_code == 0
    losses = [
        json.loads((place.output / "summary.json").read_text())["best"]["validation_loss"]
        for place in (finished, workplace)
    ]
    assert losses[1] < losses[0]
    shutil.copy(finished.output / "last.ckpt", workplace.folder / "start.ckpt")
    result = workplace.train("--resume", **changes, epochs=7)
    assert result.exit_code == 1
    assert "the checkpoint of `init` has changed since" in " ".join(result.output.split())


def test_given_reference_energies_win(workplace: Workplace, finished: Workplace) -> None:
    shutil.copy(finished.output / "best.ckpt", workplace.folder / "start.ckpt")
    tasks = {"default": {"level_of_theory": "another", "e0": {"H": -11.0}}}
    result = workplace.train(init="start.ckpt", model={}, data__tasks=tasks, epochs=1)
    assert result.exit_code == 0, result.output
    before, after = (load_checkpoint(place.output / "best.ckpt").tasks[0] for place in (finished, workplace))
    assert after.e0 == {"H": -11.0, "O": before.e0["O"]}
    assert after.level_of_theory == "another"


def test_what_does_not_fit(workplace: Workplace, finished: Workplace) -> None:
    shutil.copy(finished.output / "best.ckpt", workplace.folder / "start.ckpt")
    config = {"species": ["H", "C"], "cutoff": 3.0, "channels": 2, "hidden_l_max": 0, "l_max": 1, "correlation": 1}
    tasks = [Task("default", "none", {"H": 0.0, "C": 0.0})]
    random_checkpoint({**config, "avg_num_neighbours": 10.0}, tasks).save(workplace.folder / "other.ckpt")
    for changes, message in [
        ({"init": "start.ckpt"}, "contradictory: with init the model is that of the checkpoint"),
        ({"init": "none.ckpt", "model": {}}, "none.ckpt does not exist"),
        (
            {"init": "start.ckpt", "model": {}, "data__tasks": {"pbe": {}}},
            "data names task 'pbe', which start.ckpt lacks",
        ),
        ({"init": "other.ckpt", "model": {}, "data__tasks": {}}, "lacks O, which the data hold"),
    ]:
        result = workplace.train(**changes)
        assert result.exit_code == 1
        assert message in " ".join(result.output.split())
