# SPDX-License-Identifier: MIT
"""An imported model is trained on: it starts as what it was, and learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
import yaml
from mace.calculators import MACECalculator
from mace_package import package_calculator
from rich.console import Console
from trained import water_frames

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import load_checkpoint
from mlipkit.export import export
from mlipkit.importers.mace import import_mace
from mlipkit.train.config_file import load_config
from mlipkit.train.run import run


@pytest.fixture(scope="module")
def package(trained_model: Path) -> MACECalculator:
    return package_calculator(trained_model)


def train(folder: Path, model: Path, **changes: Any) -> dict[str, Any]:
    """Trains from the imported weights on the frames that the package trained on; the summary of the run."""
    import_mace(model).save(folder / "mace.ckpt")
    (folder / "train.xyz").write_text(model.with_name("train.xyz").read_text())
    config = {
        "output": str(folder / "run"),
        "init": "mace.ckpt",
        "dtype": "float64",
        "threads": 1,
        "data": {
            "train": "train.xyz",
            "keys": {"energy": "energy_gfn1", "forces": "forces_gfn1"},
            "split": {"validation": 0.34},
        },
        "loss": {"energy": 10.0, "forces": 1.0},
        "ema": None,
        "tensorboard": False,
        "epochs": 1,
        **changes,
    }
    path = folder / "train.yaml"
    path.write_text(yaml.safe_dump(config))
    return run(load_config(path), folder, Console(quiet=True))


def test_training_starts_as_the_original_model(tmp_path: Path, trained_model: Path, package: MACECalculator) -> None:
    """With a rate that changes nothing, validation errors are those that the package's own calculator makes."""
    summary = train(tmp_path, trained_model, optimizer={"lr": 1e-30, "weight_decay": 0.0})
    errors, per_atom = [], []
    split = json.loads((tmp_path / "run/split/split.json").read_text())
    chosen = next(iter(split["validation"].values()))
    frames = water_frames(12)
    for index in chosen:
        frame = frames[index].copy()
        frame.calc = package
        errors.append(frame.get_forces() - frames[index].get_forces())
        per_atom.append((frame.get_potential_energy() - frames[index].get_potential_energy()) / len(frame))
    found = summary["errors"]["validation"]
    assert found["forces"]["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-6)
    assert found["energy_per_atom"]["mae"] == pytest.approx(np.abs(per_atom).mean(), rel=1e-6)


def test_training_improves_the_imported_model(tmp_path: Path, trained_model: Path) -> None:
    summary = train(tmp_path, trained_model, epochs=8, optimizer={"lr": 0.003}, schedule={"kind": "constant"})
    history = load_checkpoint(tmp_path / "run/last.ckpt").training["progress"]["history"]
    assert summary["best"]["validation_loss"] < 0.8 * history[0]["validation_loss"]
    before = import_mace(trained_model)
    after = load_checkpoint(tmp_path / "run/best.ckpt")
    assert after.config == before.config
    assert after.tasks[0].e0 == before.tasks[0].e0


@pytest.mark.parametrize("section", [{"method": "full"}, {"method": "frozen"}, {"method": "lora", "rank": 2}])
def test_imported_model_is_fine_tuned(tmp_path: Path, trained_model: Path, section: dict[str, Any]) -> None:
    """On energies of another level of theory: E0 take up the shift, the model gets better, and it can be frozen."""
    frames = water_frames(12)
    import_mace(trained_model).save(tmp_path / "mace.ckpt")
    (tmp_path / "new").mkdir()
    for frame in frames:
        frame.info["energy"] = frame.get_potential_energy() - 50.0 * len(frame)
        frame.arrays["forces"] = 1.2 * frame.get_forces()
        frame.calc = None
    ase.io.write(tmp_path / "new/train.extxyz", frames)
    config = {
        "output": str(tmp_path / "tuned"),
        "init": "mace.ckpt",
        "dtype": "float64",
        "threads": 1,
        "data": {"train": "new/train.extxyz", "split": {"validation": 0.34}},
        "loss": {"energy": 1.0, "forces": 10.0},
        "optimizer": {"lr": 0.01},
        "schedule": {"kind": "constant", "warmup_steps": 0},
        "finetune": section,
        "ema": None,
        "tensorboard": False,
        "epochs": 6,
    }
    (tmp_path / "finetune.yaml").write_text(yaml.safe_dump(config))
    summary = run(load_config(tmp_path / "finetune.yaml"), tmp_path, Console(quiet=True))
    energies = summary["finetune"]["reference_energies"]
    (found,) = energies.values()
    assert found["rms_old"] == pytest.approx(50.0, rel=0.05)
    assert found["rms_new"] < 0.2
    rows = {row["quantity"]: row for row in summary["finetune"]["before_and_after"]}
    assert rows["forces"]["ratio"] < 0.95
    tuned = load_checkpoint(tmp_path / "tuned/best.ckpt")
    assert tuned.config == import_mace(trained_model).config
    export(tuned, tmp_path / "tuned.pt")
    errors = []
    for index in next(iter(json.loads((tmp_path / "tuned/split/split.json").read_text())["validation"].values())):
        atoms = frames[index].copy()
        atoms.calc = MLIPCalculator(tmp_path / "tuned.pt", precision="double")
        errors.append(atoms.get_forces() - frames[index].arrays["forces"])
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(rows["forces"]["rmse_after"], rel=1e-6)
