# SPDX-License-Identifier: MIT
"""`torchrun` with two processes: the run of one process, divided."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_workplace import Workplace

from mlipkit.checkpoint import load_checkpoint

# 9 training structures in batches of 4: the last batch has one, so one of the two processes has none. Nothing in the
# loss depends on the readout of the output.
RUN: dict[str, Any] = {
    "dtype": "float64",
    "batch_size": 4,
    "epochs": 3,
    "validation_batch_size": 2,
    "model__outputs": [{"name": "marks", "unit": "1"}],
    "data__keys": {"outputs": {"marks": "numbers"}},
    "loss": {"energy": 1.0, "forces": 1.0, "stress": 1.0, "stages": [{"after": 0.5, "energy": 10.0}]},
}


def torchrun(place: Workplace, *options: str, **changes: Any) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "mlipkit.cli.train"]
    return [sys.executable, *launcher, str(place.write(**changes)), *options]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def columns(path: Path) -> dict[str, np.ndarray]:
    with open(path) as stream:
        rows = list(csv.DictReader(stream))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "seconds"}


@pytest.fixture
def single(workplace: Workplace) -> Workplace:
    workplace.output = workplace.folder / "single"
    assert workplace.train(**RUN).exit_code == 0
    return workplace


def test_loss_curve_is_that_of_one_process(single: Workplace) -> None:
    one = columns(single.output / "log.csv")
    weights = load_checkpoint(single.output / "last.ckpt").parameters
    single.output = single.folder / "double"
    done = subprocess.run(torchrun(single, **RUN), capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    two = columns(single.output / "log.csv")
    assert list(one) == list(two)
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-6, err_msg=name)
    for name, value in load_checkpoint(single.output / "last.ckpt").parameters.items():
        np.testing.assert_allclose(value.numpy(), weights[name].numpy(), rtol=1e-5, atol=1e-8, err_msg=name)
    assert done.stdout.count("results are in") == 1  # only the first process prints
    assert "strides" not in done.stderr


def test_signal_to_one_process_stops_both(workplace: Workplace) -> None:
    words = torchrun(workplace, **{**RUN, "epochs": 100000, "checkpoint_minutes": 1e-6})
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        for _ in range(1200):
            if (workplace.output / "last.ckpt").exists():
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)  # torchrun passes it on
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "holds this state, continue with --resume" in errors
    step = load_checkpoint(workplace.output / "last.ckpt").training["progress"]["step"]
    result = workplace.train("--resume", **{**RUN, "epochs": step // 3 + 1})
    assert result.exit_code == 0, result.output
    assert f"step {step}\n" in result.output


def test_batch_must_have_work_for_all(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "0"), ("TORCHELASTIC_RUN_ID", "test")):
        monkeypatch.setenv(name, value)
    result = workplace.train(**{**RUN, "batch_size": 1})
    assert result.exit_code == 1
    assert "batch_size 1 is less than the 2 processes: raise it" in " ".join(result.output.split())
