# SPDX-License-Identifier: MIT
"""Training on the device: the run of the processor, from the command to the checkpoint."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from training_workplace import Workplace, write_few_frames

from mlipkit.checkpoint import load_checkpoint


def run(folder: Path, device: str, **changes: object) -> dict[str, np.ndarray]:
    """Columns of the log."""
    folder.mkdir()
    write_few_frames(folder / "few.extxyz")
    place = Workplace(folder, folder / "few.extxyz")
    done = place.train(device=device, model__hidden_l_max=1, **changes)
    assert done.exit_code == 0, done.output
    with open(place.output / "log.csv") as stream:
        rows = list(csv.DictReader(stream))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name != "seconds"}


@pytest.mark.parametrize(("dtype", "allowed"), [("float64", 1e-6), ("float32", 1e-2)])
def test_run_is_that_of_the_processor(dtype: str, allowed: float, tmp_path: Path) -> None:
    wanted, found = (run(tmp_path / device, device, dtype=dtype) for device in ("cpu", "cuda"))
    assert found.keys() == wanted.keys()
    for name, column in wanted.items():
        np.testing.assert_allclose(found[name], column, rtol=allowed, err_msg=name)
    one, other = (load_checkpoint(tmp_path / device / "run" / "last.ckpt").parameters for device in ("cpu", "cuda"))
    for name, value in one.items():
        np.testing.assert_allclose(other[name].cpu(), value, rtol=allowed, atol=allowed, err_msg=name)
