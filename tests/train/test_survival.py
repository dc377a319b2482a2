# SPDX-License-Identifier: MIT
"""Runs that are stopped, killed or cannot write: what was saved is usable, and resuming changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from training_workplace import Workplace

from mlipkit.checkpoint import load_checkpoint

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
EVERY_STEP = 1e-6  # minutes between checkpoints
RUN = {"epochs": 60, "checkpoint_minutes": EVERY_STEP, "schedule": {"kind": "cosine", "warmup_steps": 20}}


def comparable(state: Any) -> Any:
    """A checkpoint's content without times and folder, tensors as bytes."""
    if isinstance(state, torch.Tensor):
        return state.dtype, tuple(state.shape), state.numpy().tobytes()
    if isinstance(state, dict):
        return {key: comparable(value) for key, value in state.items() if key not in {"seconds", "output"}}
    if isinstance(state, (list, tuple)):
        return [comparable(value) for value in state]
    return state


def content(place: Workplace, name: str = "last.ckpt") -> Any:
    checkpoint = load_checkpoint(place.output / name)
    return comparable({"parameters": checkpoint.parameters, "training": checkpoint.training})


def command(place: Workplace, *options: str, **changes: Any) -> list[str]:
    code = "from mlipkit.cli.train import main; main()"
    return [sys.executable, "-c", code, str(place.write(**changes)), *options]


def wait_for_step(place: Workplace, process: subprocess.Popen[str], step: int) -> None:
    """Until last.ckpt holds at least this step."""
    for _ in range(1200):
        assert process.poll() is None, process.communicate()
        path = place.output / "last.ckpt"
        if path.exists() and load_checkpoint(path).training["progress"]["step"] >= step:
            return
        time.sleep(0.05)
    pytest.fail(f"step {step} was not reached within a minute")


def test_twenty_kills_leave_no_trace(workplace: Workplace) -> None:
    """SIGKILL at random times, also while files are written and in the middle of epochs."""
    whole = workplace.output = workplace.folder / "whole"
    assert workplace.train(**RUN).exit_code == 0
    expected, best = content(workplace), content(workplace, "best.ckpt")
    workplace.output = workplace.folder / "killed"
    script = Path(__file__).parent / "forked_runs.py"
    done = subprocess.run(
        [sys.executable, str(script), str(workplace.write(**RUN)), "20", "7", "0.5"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads(done.stdout)
    assert len(steps) == 20
    assert len(set(steps)) > 5, steps  # the kills met a run that was going on
    assert any(step % 3 for step in steps if step > 0), steps  # also inside epochs of three steps
    assert content(workplace) == expected
    assert content(workplace, "best.ckpt") == best
    without_times = [
        [[value for column, value in enumerate(line.split(",")) if column != 2] for line in path.read_text().split()]
        for path in (whole / "log.csv", workplace.output / "log.csv")
    ]
    assert without_times[0] == without_times[1]


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_save_the_current_step(workplace: Workplace, signum: int, code: int) -> None:
    run: dict[str, Any] = {**RUN, "epochs": 100000, "schedule": {"kind": "constant"}}
    words = command(workplace, **run)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        wait_for_step(workplace, process, 4)
        process.send_signal(signum)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    saved = load_checkpoint(workplace.output / "last.ckpt")
    step = saved.training["progress"]["step"]
    assert f"step {step}; {workplace.output / 'last.ckpt'} holds this state, continue with --resume" in errors
    assert "Traceback" not in errors
    assert all(torch.isfinite(value).all() for value in saved.parameters.values())
    result = workplace.train("--resume", **{**run, "epochs": step // 3 + 2})
    assert result.exit_code == 0, result.output
    assert f"step {step}\n" in result.output


def test_stop_before_the_validation_of_an_epoch(workplace: Workplace) -> None:
    """A run that was saved between the last step of an epoch and its validation validates first."""
    assert workplace.train(epochs=2).exit_code == 0
    expected = content(workplace)
    workplace.output = workplace.folder / "stopped"
    code = (
        "import os, signal; from mlipkit.train.trainer import Trainer; step = Trainer._step\n"
        "def stepped(self, *arguments):\n"
        "    if self.progress.step == 2: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return step(self, *arguments[:-1], signal.SIGTERM if self.progress.step == 2 else 0)\n"
        "Trainer._step = stepped; from mlipkit.cli.train import main; main()"
    )
    words = [sys.executable, "-c", code, str(workplace.write(epochs=2))]
    assert subprocess.run(words, env=ENVIRONMENT, capture_output=True, check=False).returncode == 143
    saved = load_checkpoint(workplace.output / "last.ckpt").training
    assert saved["sampler"]["next_batch"] == 0
    assert saved["progress"]["history"] == []
    assert workplace.train("--resume", epochs=2).exit_code == 0
    assert content(workplace) == expected


def test_full_disk_loses_nothing(workplace: Workplace) -> None:
    options: dict[str, Any] = {"schedule": {"kind": "constant"}}
    assert workplace.train(epochs=2, **options).exit_code == 0
    before = (workplace.output / "last.ckpt").read_bytes()
    (workplace.output / "last.ckpt.part").symlink_to("/dev/full")  # every write to it fails as on a full disk
    result = workplace.train("--resume", epochs=4, **options)
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert f"cannot write {workplace.output / 'last.ckpt'} (No space left on device)" in text
    assert "What the run had saved before is intact" in text
    assert "Traceback" not in result.output
    assert (workplace.output / "last.ckpt").read_bytes() == before
    result = workplace.train("--resume", epochs=4, **options)
    assert result.exit_code == 0, result.output
    resumed = content(workplace)
    workplace.output = workplace.folder / "whole"
    assert workplace.train(epochs=4, **options).exit_code == 0
    whole = content(workplace)
    assert resumed["parameters"] == whole["parameters"]


def test_log_that_cannot_be_written(workplace: Workplace) -> None:
    workplace.output.mkdir()
    (workplace.output / "log.csv").mkdir()
    result = workplace.train("--resume", epochs=2)
    assert result.exit_code == 1
    assert f"cannot write {workplace.output / 'log.csv'} (Is a directory)" in " ".join(result.output.split())
    assert load_checkpoint(workplace.output / "last.ckpt").training["progress"]["step"] == 3


def test_resume_starts_what_was_never_saved(workplace: Workplace) -> None:
    result = workplace.train("--resume", epochs=1)
    assert result.exit_code == 0, result.output
    assert "holds no last.ckpt yet: starting from the beginning" in " ".join(result.output.split())
