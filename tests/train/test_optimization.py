# SPDX-License-Identifier: MIT
"""Learning-rate schedules, averaged weights, and which parameters decay."""

from __future__ import annotations

import pytest
import torch

from mlipkit.train.config import OptimizerConfig, ScheduleConfig
from mlipkit.train.optimization import AveragedWeights, Schedule, make_optimizer


def test_shapes() -> None:
    def rates(**options: object) -> list[float]:
        schedule = Schedule(ScheduleConfig.model_validate(options), peak=2.0)
        return [schedule.rate(step=10, progress=share) for share in (0.0, 0.5, 1.0)]

    assert rates(kind="constant") == [2.0, 2.0, 2.0]
    assert rates(kind="cosine", final=0.1) == pytest.approx([2.0, 2.0 * 0.55, 0.2])
    assert rates(kind="exponential", final=0.01) == pytest.approx([2.0, 0.2, 0.02])
    assert rates(kind="plateau") == [2.0, 2.0, 2.0]


def test_warmup_rises_linearly() -> None:
    schedule = Schedule(ScheduleConfig(kind="constant", warmup_steps=4), peak=1.0)
    assert [schedule.rate(step, 0.0) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_plateau_reduces_after_patience_and_resumes() -> None:
    schedule = Schedule(ScheduleConfig(kind="plateau", patience=2, factor=0.1, final=0.05), peak=1.0)
    for loss in (3.0, 2.0, 2.5):
        schedule.after_epoch(loss)
    assert schedule.rate(0, 0.0) == 1.0
    resumed = Schedule(ScheduleConfig(kind="plateau", patience=2, factor=0.1, final=0.05), peak=1.0)
    resumed.load_state_dict(schedule.state_dict())
    resumed.after_epoch(2.1)
    assert resumed.rate(0, 0.0) == pytest.approx(0.1)
    for _ in range(4):
        resumed.after_epoch(2.1)
    assert resumed.rate(0, 0.0) == 0.05  # the floor


def test_average_follows_and_restores() -> None:
    model = torch.nn.Linear(2, 1)
    average = AveragedWeights(model, decay=0.5)
    start = model.weight.detach().clone()
    with torch.no_grad():
        model.weight += 1.0
    average.update()  # early: 1/10 of the old value is kept
    live = model.weight.detach().clone()
    with average.applied():
        torch.testing.assert_close(model.weight.detach(), start + 0.9)
    assert torch.equal(model.weight, live)
    for _ in range(60):
        average.update()
    with average.applied():
        torch.testing.assert_close(model.weight.detach(), live)


def test_no_average() -> None:
    model = torch.nn.Linear(2, 1)
    live = model.weight.detach().clone()
    average = AveragedWeights(model, None)
    average.update()
    with average.applied():
        assert torch.equal(model.weight, live)
    assert torch.equal(model.weight, live)


def test_only_matrices_decay() -> None:
    model = torch.nn.Linear(2, 3)
    groups = make_optimizer(model, OptimizerConfig(weight_decay=0.1)).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert decay == {id(model.weight): 0.1, id(model.bias): 0.0}
