# SPDX-License-Identifier: MIT
"""``mlip-eval`` on several files: a row per config_type and a total, missing labels counted and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from labelled_samples import labelled
from typer.testing import CliRunner

from mlipkit.checkpoint import Checkpoint
from mlipkit.cli.common import one_command
from mlipkit.cli.evaluate import evaluate


@pytest.fixture
def folder(tmp_path: Path, water_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint and two runs; run b lacks some forces, and its molecules have no stress."""
    water_checkpoint.save(tmp_path / "best.ckpt")
    for name in "ab":
        (tmp_path / "runs" / name).mkdir(parents=True)
    write(tmp_path / "runs/a/frames.extxyz", [labelled(k, config_type="ice" if k else "liquid") for k in range(3)])
    second = [labelled(10, config_type="ice"), labelled(11, cell=None, config_type="gas"), labelled(12)]
    del second[2].info["config_type"]
    del second[0].calc.results["forces"]
    write(tmp_path / "runs/b/frames.extxyz", second)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(one_command("mlip-eval", evaluate), list(arguments))
    return done.exit_code, done.output


def summary(*arguments: str) -> dict[str, Any]:
    code, output = run("best.ckpt", *arguments, "--precision", "double", "-o", "eval")
    assert code == 0, output
    return dict(json.loads(Path("eval/summary.json").read_text()))


def test_a_row_per_config_type_and_a_total(folder: Path) -> None:
    code, output = run("best.ckpt", "runs/*/frames.extxyz")
    assert code == 0, output
    table = output[output.index("by config_type") :]
    rows = [line.replace("│", " ").replace("┃", " ").split() for line in table.splitlines()]
    counted = {row[0]: row[1] for row in rows if len(row) > 4}
    assert {name: counted[name] for name in ("(none)", "gas", "ice", "liquid", "total")} == {
        "(none)": "1",
        "gas": "1",
        "ice": "3",
        "liquid": "1",
        "total": "6",
    }
    assert next(row for row in rows if row[:1] == ["gas"])[-2:] == ["no", "labels"]
    assert "no forces in 1 of 6 structures (first: runs/b/frames.extxyz, frame 0)" in output
    assert "no stress in 1 of 6 structures (first: runs/b/frames.extxyz, frame 1)" in output


def test_summary_has_all_of_them_and_they_add_up(folder: Path) -> None:
    found = summary("runs/*/frames.extxyz")
    types = found["config_types"]
    assert {name: entry["structures"] for name, entry in types.items()} == {
        "(none)": 1,
        "gas": 1,
        "ice": 3,
        "liquid": 1,
    }
    assert [(entry["path"], entry["structures"]) for entry in found["data"]] == [
        ("runs/a/frames.extxyz", 3),
        ("runs/b/frames.extxyz", 3),
    ]
    assert all(len(entry["sha256"]) == 64 for entry in found["data"])
    assert found["structures"] == 6
    assert (types["ice"]["energy_per_atom"]["n"], types["ice"]["forces"]["n"]) == (3, 2 * 9)
    assert "stress" not in types["gas"]
    for quantity in ("energy_per_atom", "forces", "stress"):
        parts = [entry[quantity] for entry in types.values() if quantity in entry]
        n = sum(part["n"] for part in parts)
        assert n == found[quantity]["n"]
        assert sum(part["n"] * part["mae"] for part in parts) / n == pytest.approx(found[quantity]["mae"])
        assert sum(part["n"] * part["rmse"] ** 2 for part in parts) / n == pytest.approx(found[quantity]["rmse"] ** 2)
        assert max(part["max"] for part in parts) == found[quantity]["max"]


def test_several_files_are_the_sum_of_each(folder: Path) -> None:
    both = summary("runs/a/frames.extxyz", "runs/b/frames.extxyz")["forces"]
    parts = [summary(f"runs/{name}/frames.extxyz")["forces"] for name in "ab"]
    assert both["n"] == sum(part["n"] for part in parts) == 5 * 9
    assert both["n"] * both["mae"] == pytest.approx(sum(part["n"] * part["mae"] for part in parts))


def refused(message: str, *arguments: str) -> None:
    code, output = run("best.ckpt", *arguments)
    assert code == 1
    assert message in output
    assert len([line for line in output.splitlines() if line.strip() and not line.startswith("warning")]) == 1


def test_mistakes(folder: Path) -> None:
    refused(
        "frames.extxyz is given twice: by 'runs/a/*' and by 'runs/*/frames.extxyz'", "runs/a/*", "runs/*/frames.extxyz"
    )
    refused("is given twice", "runs/a/frames.extxyz", "runs/../runs/a/frames.extxyz")
    refused("no file matches 'runs/*/frame.xyz': in runs/a (and 1 more folders)", "runs/*/frame.xyz")
    refused("frame 0: no forces under key 'F'; keys present:", "runs/a/frames.extxyz", "--key", "forces=F")
    write("gas.extxyz", labelled(1, cell=None))
    refused("no structure has a stress: it needs three periodic", "gas.extxyz", "--key", "stress=stress")
    broken = labelled(1)
    broken.calc.results["forces"][2, 1] = np.nan
    write("broken.extxyz", broken)
    refused("broken.extxyz, frame 0: forces of atom 2 holds NaN", "runs/a/frames.extxyz", "broken.extxyz")
    write("same.extxyz", Atoms("OH", [[0, 0, 0], [0, 0, 0]], info={"energy": 1.0}))
    refused("same.extxyz, frame 0: atoms 0 and 1 are at the same place", "same.extxyz")


def test_a_named_key_may_be_missing_in_some_frames_but_not_in_all(folder: Path) -> None:
    assert summary("runs/*/*", "--key", "forces=forces")["forces"]["n"] == 5 * 9


def test_outputs_that_only_some_frames_have(
    two_task_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    two_task_checkpoint.save("best.ckpt")
    frames = [labelled(0), labelled(1)]
    frames[1].arrays["q"] = np.array([-0.8, 0.4, 0.4])
    write("some.extxyz", frames)
    write("none.extxyz", frames[0])
    key = ["--task", "pbe", "--key", "charges=q"]
    assert summary("some.extxyz", *key)["charges"]["n"] == 3
    refused("no values for output 'charges' under key 'q'", "none.extxyz", *key)
