# SPDX-License-Identifier: MIT
"""Training from a store: the run of its files, bit for bit; balanced sources and batches by edges; resuming."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from training_workplace import Workplace

from mlipkit.checkpoint import load_checkpoint
from mlipkit.data.config import DataConfig
from mlipkit.data.convert import convert
from mlipkit.data.labels import Wanted

RUN: dict[str, Any] = {
    "epochs": 2,
    "data__tasks": {"default": {"e0": {"H": -10.0, "O": -100.0}}},
    "schedule": {"kind": "constant", "warmup_steps": 3},
}


@pytest.fixture
def stored(workplace: Workplace) -> Path:
    """The frames of the workplace as a store."""
    path = workplace.folder / "few.mlipdata"
    data = DataConfig.model_validate({"train": [str(workplace.data)]})
    convert([workplace.data], path, data, Wanted(), lambda done, file: None)
    return path


def weights(place: Workplace) -> dict[str, torch.Tensor]:
    return load_checkpoint(place.output / "last.ckpt").training["weights"]


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def sources(place: Workplace, stored: Path) -> dict[str, Any]:
    """A store and a file, drawn by shares, in batches by edges."""
    few = {"path": str(place.data), "frames": ":4", "share": 0.5}
    return {
        **RUN,
        "data__train": [few, {"path": str(stored), "frames": "4:", "share": 0.5}],
        "batch_size": None,
        "batch_edges": 2500,
        "epoch_structures": 14,
    }


def train(place: Workplace, *options: str, **changes: Any) -> Any:
    """``None`` removes a key of the workplace's configuration."""
    path = place.write(**{name: value for name, value in changes.items() if value is not None})
    import yaml
    from typer.testing import CliRunner

    from mlipkit.cli.common import one_command
    from mlipkit.cli.train import train as command

    content = yaml.safe_load(path.read_text())
    for name in [name for name, value in changes.items() if value is None]:
        content.pop(name, None)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return CliRunner().invoke(one_command("mlip-train", command), [str(path), *options])


def test_run_from_a_store_is_that_of_its_files(workplace: Workplace, stored: Path) -> None:
    assert workplace.train(**RUN).exit_code == 0
    expected = weights(workplace)
    for workers in (None, 0, 3):
        workplace.output = workplace.folder / f"stored{workers}"
        result = workplace.train(**RUN, data__train=str(stored), workers=workers)
        assert result.exit_code == 0, result.output
        assert same(weights(workplace), expected)
    summary = json.loads((workplace.output / "summary.json").read_text())
    assert summary["datasets"][0]["path"] == str(stored)
    assert summary["errors"]["validation"]["forces"]["n"] > 0
    assert (workplace.output / "parity-validation.png").exists()


def test_changed_store_cannot_be_resumed(workplace: Workplace, stored: Path) -> None:
    assert workplace.train(**RUN, data__train=str(stored)).exit_code == 0
    stored.rename(workplace.folder / "old.mlipdata")
    data = DataConfig.model_validate({"train": [{"path": str(workplace.data), "frames": ":11"}]})
    convert([workplace.data], stored, data, Wanted(), lambda done, file: None)
    result = workplace.train("--resume", **{**RUN, "epochs": 3}, data__train=str(stored))
    assert result.exit_code == 1
    assert "data files have changed" in result.output


def test_balanced_sources_in_batches_by_edges(workplace: Workplace, stored: Path) -> None:
    result = train(workplace, **sources(workplace, stored))
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    drawn = [line for line in lines if line.startswith("data.train.")]
    assert [line.split(",")[0] for line in drawn] == [
        f"data.train.{k}: 7 of 14 structures of an epoch (50.0 %)" for k in (0, 1)
    ]
    summary = json.loads((workplace.output / "summary.json").read_text())
    assert [entry["per_epoch"] for entry in summary["data"]["drawn_per_epoch"]] == [7, 7]


@pytest.mark.parametrize("workers", [0, 2])
def test_resuming_anywhere_changes_nothing(workplace: Workplace, stored: Path, workers: int) -> None:
    """Stopped after every single step in turn, as by the time limit of a batch system."""
    options = {**sources(workplace, stored), "workers": workers}
    assert train(workplace, **options).exit_code == 0
    expected = weights(workplace)
    steps = load_checkpoint(workplace.output / "last.ckpt").training["progress"]["step"]
    assert steps > 4
    workplace.output = workplace.folder / "stopped"
    code = (
        "import signal; from mlipkit.train.trainer import Trainer; step = Trainer._step\n"
        "Trainer._step = lambda self, *arguments: step(self, *arguments[:-1], signal.SIGTERM)\n"
        "from mlipkit.cli.train import main; main()"
    )
    config = workplace.folder / "train.yaml"
    config.write_text(config.read_text().replace(str(workplace.folder / "run"), str(workplace.output)))
    words = [sys.executable, "-c", code, str(config), "--resume"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for _ in range(2):
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 143, done.stderr
    assert load_checkpoint(workplace.output / "last.ckpt").training["progress"]["step"] == 2
    assert train(workplace, "--resume", **options).exit_code == 0
    assert same(weights(workplace), expected)


def test_two_processes_share_batches_by_edges(workplace: Workplace, stored: Path) -> None:
    options = {**sources(workplace, stored), "dtype": "float64"}
    assert train(workplace, **options).exit_code == 0
    one = weights(workplace)
    workplace.output = workplace.folder / "double"
    config = workplace.folder / "train.yaml"
    config.write_text(config.read_text().replace(str(workplace.folder / "run"), str(workplace.output)))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "mlipkit.cli.train"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, *launcher, str(config)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for name, value in weights(workplace).items():
        torch.testing.assert_close(value, one[name], rtol=1e-5, atol=1e-8)


def test_contradictory_sizes_and_shares(workplace: Workplace, stored: Path) -> None:
    halves = [{"path": str(stored), "frames": ":4"}, {"path": str(stored), "frames": "4:", "share": 1.0}]
    for changes, message in [
        ({"batch_edges": 100}, "give either batch_size or batch_edges, not both"),
        ({"data__train": halves}, "train.0 has no share, but others have"),
        ({"data__validation": [{"path": "x", "share": 1.0}], "data__split": {}}, "validation.0.share: only training"),
        ({"data__train": {"path": str(stored), "share": 1.0, "weight": 0.0}}, "no structures left for train"),
    ]:
        result = workplace.train(**{**RUN, **changes})
        assert result.exit_code == 1
        assert message in " ".join(result.output.split())


def test_isolated_atoms_need_no_share(workplace: Workplace, stored: Path) -> None:
    atoms = Path(__file__).parents[2] / "examples/water/isolated_atoms.extxyz"
    entries = [{"path": str(stored), "share": 0.5}, str(atoms)]
    result = workplace.train(epochs=1, data__train=entries, data__tasks={"default": {}}, epoch_structures=6)
    assert result.exit_code == 0, result.output
    drawn = json.loads((workplace.output / "summary.json").read_text())["data"]["drawn_per_epoch"]
    assert [(entry["source"], entry["per_epoch"]) for entry in drawn] == [("data.train.0", 6)]


def test_ensemble_from_a_store_is_that_of_its_files(workplace: Workplace, stored: Path) -> None:
    found = []
    for number, data in enumerate((workplace.data, stored)):
        workplace.output = workplace.folder / f"ensemble{number}"
        result = workplace.train(**RUN, model__ensemble=4, data__train=str(data))
        assert result.exit_code == 0, result.output
        found.append(load_checkpoint(workplace.output / "best.ckpt").parameters)
    assert same(*found)
    assert found[0]["ensemble.deviations"].abs().max() > 0
