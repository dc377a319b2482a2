# SPDX-License-Identifier: MIT
"""``mlip-train`` and ``mlip-eval`` as users meet them: errors in one line, exit codes, tables, files."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write
from training_workplace import Workplace

from mlipkit.checkpoint import load_checkpoint
from mlipkit.export import export

BIN = Path(sys.executable).parent


def refused(result, message: str) -> None:  # type: ignore[no-untyped-def]
    """The command failed with one line that holds the message."""
    assert result.exit_code == 1, result.output
    lines = [line for line in result.output.splitlines() if line.strip() and not line.startswith("warning")]
    assert len(lines) == 1, result.output
    assert ": error: " in lines[0]
    assert message in lines[0]


def test_unwritable_folder_is_found_before_any_work(workplace: Workplace) -> None:
    (workplace.folder / "file").write_text("")
    workplace.output = workplace.folder / "file" / "run"
    refused(workplace.train(data__train="does-not-exist.extxyz"), "is not writable (Not a directory)")


def test_empty_and_missing_data(workplace: Workplace) -> None:
    workplace.data = workplace.folder / "empty.extxyz"
    refused(workplace.train(), "does not exist")
    workplace.data.write_text("")
    refused(workplace.train(), "empty.extxyz is empty")


def test_missing_label_key(workplace: Workplace) -> None:
    result = workplace.train(data__keys={"forces": "dft_forces"})
    refused(result, "frame 0: no forces under key 'dft_forces'; keys present: ")
    assert "few.extxyz" in result.output
    assert "energy, forces" in result.output


def test_label_without_key_cannot_be_learnt(workplace: Workplace) -> None:
    refused(workplace.train(data__keys={"forces": None}), "no training structure has a label for forces")
    assert workplace.train(data__keys={"forces": None}, loss__forces=0.0, epochs=1).exit_code == 0


def test_configuration_mistakes(workplace: Workplace) -> None:
    refused(workplace.train(epoch=3), "unknown key `epoch`; did you mean 'epochs'?")
    refused(workplace.train(model__species=["O"]), "model.species ['O'] lacks H, which the data hold")
    refused(workplace.train(loss__outputs={"charges": 1.0}), "'charges', which is not among model.outputs")
    refused(workplace.train(model__tasks=["a"]), "model.tasks follows from data.tasks")
    refused(workplace.train(data__units={"energy": "Hartre"}), "unknown unit 'Hartre'")
    refused(workplace.train(model__cutoff=0.2), "no atom has a neighbour within model.cutoff")
    bad_default = {"default": {"defaults": {"total_charge": 0}}}
    refused(workplace.train(data__tasks=bad_default), "'total_charge', which the model does not take")
    assert not (workplace.output / "last.ckpt").exists()


def test_charge_outside_the_declared_range(workplace: Workplace) -> None:
    frames = read(workplace.data, ":")
    for atoms in frames:
        atoms.info["total_charge"] = 5
    workplace.data = workplace.folder / "charged.extxyz"
    write(workplace.data, frames)
    refused(workplace.train(model__total_charge_range=[-1, 1]), "total_charge 5 is not a whole number in [-1, 1]")


def test_two_tasks_with_conditions_and_outputs(workplace: Workplace) -> None:
    """Two levels of theory, a charge for one of them, and named outputs go through to checkpoint and evaluation."""
    frames = read(workplace.data, ":")
    for index, atoms in enumerate(frames):
        atoms.info["charge"] = index % 2
        atoms.arrays["q"] = np.where(atoms.numbers == 8, -0.8, 0.4)
    first, second = workplace.folder / "first.extxyz", workplace.folder / "second.extxyz"
    write(first, frames[::2])
    write(second, frames[1::2])
    keys = {"total_charge": "charge", "outputs": {"charges": "q"}}
    result = workplace.train(
        data={
            "train": [{"path": str(first), "task": "low"}, {"path": str(second), "task": "high"}],
            "keys": keys,
            "tasks": {"low": {"defaults": {"total_charge": 0}, "level_of_theory": "xTB"}, "high": {}},
        },
        model__total_charge_range=[0, 1],
        model__outputs=[{"name": "charges", "unit": "e"}],
        loss={"energy": 0.1, "forces": 0.1, "stress": 0.1, "outputs": {"charges": 10.0}},
        epochs=10,
    )
    assert result.exit_code == 0, result.output
    summary = json.loads((workplace.output / "summary.json").read_text())
    assert [len(summary["model"][name]) for name in ("scale", "shift", "tasks")] == [2, 2, 2]
    assert set(summary["errors"]["validation"]) == {"energy_per_atom", "forces", "stress", "charges"}
    options = ["--key", "total_charge=charge", "--key", "charges=q", "-o", str(workplace.folder / "eval")]
    result = workplace.evaluate(str(workplace.output / "best.ckpt"), str(second), "--task", "high", *options)
    assert result.exit_code == 0, result.output
    found = json.loads((workplace.folder / "eval/summary.json").read_text())
    assert found["charges"]["n"] == sum(len(atoms) for atoms in frames[1::2])
    learnt = [float(row["charges_mae"]) for row in csv.DictReader((workplace.output / "log.csv").open())]
    assert learnt[-1] < 0.5 * learnt[0]
    assert found["charges"]["mae"] < 0.5 * learnt[0]
    refused(
        workplace.evaluate(str(workplace.output / "best.ckpt"), str(second), *options),
        "say which task its labels belong to (task: low | high)",
    )


def test_evaluation_of_a_checkpoint(finished: Workplace, tmp_path: Path) -> None:
    checkpoint, held_out = finished.output / "best.ckpt", finished.output / "split/validation.extxyz"
    result = finished.evaluate(str(checkpoint), str(held_out), "-o", str(tmp_path / "eval"))
    assert result.exit_code == 0, result.output
    for word in ("energy per atom", "forces", "stress", "RMSE", "meV/angstrom", " H ", " O ", "config_type"):
        assert word in result.output, word
    assert {path.name for path in (tmp_path / "eval").iterdir()} == {
        "summary.json",
        "parity-validation.png",
        "force-errors-validation.png",
    }
    summary = json.loads((tmp_path / "eval/summary.json").read_text())
    expected = json.loads((finished.output / "summary.json").read_text())["errors"]["validation"]
    for quantity in ("energy_per_atom", "forces", "stress"):
        assert summary[quantity]["rmse"] == pytest.approx(expected[quantity]["rmse"], rel=1e-3)
    assert summary["model"]["kind"] == "checkpoint"


def test_evaluation_in_double_precision_agrees(finished: Workplace, tmp_path: Path) -> None:
    found = {}
    for precision in ("single", "double"):
        folder = tmp_path / precision
        model, data = str(finished.output / "best.ckpt"), str(finished.data)
        result = finished.evaluate(model, data, "--precision", precision, "--frames", ":3", "-o", str(folder))
        assert result.exit_code == 0, result.output
        found[precision] = json.loads((folder / "summary.json").read_text())["forces"]["mae"]
    assert found["single"] == pytest.approx(found["double"], rel=1e-3)
    assert found["single"] != found["double"]


def test_artifact_gives_the_errors_of_its_checkpoint(finished: Workplace, tmp_path: Path) -> None:
    checkpoint, artifact = finished.output / "best.ckpt", tmp_path / "model.pt"
    export(load_checkpoint(checkpoint), artifact)
    found = {}
    for model in (checkpoint, artifact):
        folder = tmp_path / model.stem
        options = ["--precision", "double", "--frames", ":4", "-o", str(folder)]
        result = finished.evaluate(str(model), str(finished.data), *options)
        assert result.exit_code == 0, result.output
        found[model] = json.loads((folder / "summary.json").read_text())
    assert found[artifact]["model"]["kind"] == "artifact"
    for quantity in ("energy_per_atom", "forces", "stress"):
        for number in ("mae", "rmse", "max"):
            assert found[artifact][quantity][number] == pytest.approx(found[checkpoint][quantity][number], rel=1e-7)
    refused(finished.evaluate(str(artifact), str(finished.data), "--key", "energi=x"), "did you mean 'energy'")
    refused(finished.evaluate(str(artifact), str(finished.data), "--task", "pbe"), "unknown task 'pbe'")
    write(tmp_path / "helium.extxyz", Atoms("He", info={"energy": 1.0}))
    refused(finished.evaluate(str(artifact), str(tmp_path / "helium.extxyz")), "the model does not know species 'He'")


def test_evaluation_mistakes(finished: Workplace, tmp_path: Path) -> None:
    checkpoint, data = str(finished.output / "best.ckpt"), str(finished.data)
    refused(finished.evaluate(str(tmp_path / "no.ckpt"), data), "no.ckpt does not exist")
    refused(finished.evaluate(data, data), "is not a mlipkit checkpoint")
    refused(finished.evaluate(checkpoint, str(tmp_path / "no.xyz")), "no.xyz does not exist")
    refused(finished.evaluate(checkpoint, data, "--key", "energi=x"), "did you mean 'energy'")
    refused(finished.evaluate(checkpoint, data, "--key", "energy=x"), "frame 0: no energy under key 'x'; keys present:")
    refused(finished.evaluate(checkpoint, data, "--key", "energy"), "--key 'energy': expected name=value")
    refused(finished.evaluate(checkpoint, data, "--unit", "energy=Hartre"), "did you mean 'Hartree'")
    refused(finished.evaluate(checkpoint, data, "--unit", "enrgy=eV"), "did you mean 'energy'")
    refused(finished.evaluate(checkpoint, data, "--task", "pbe"), "unknown task 'pbe'")
    refused(finished.evaluate(checkpoint, data, "--precision", "half"), "single or double")
    (tmp_path / "file").write_text("")
    refused(finished.evaluate(checkpoint, data, "-o", str(tmp_path / "file/x")), "is not writable")
    write(tmp_path / "helium.extxyz", Atoms("He", info={"energy": 1.0}))
    refused(
        finished.evaluate(checkpoint, str(tmp_path / "helium.extxyz")),
        "the model does not know species 'He'; it knows H, O",
    )
    write(tmp_path / "bare.extxyz", Atoms("OHH", positions=np.eye(3)))
    refused(finished.evaluate(checkpoint, str(tmp_path / "bare.extxyz")), "no energy under key 'energy'")


def test_energies_alone_can_be_evaluated(finished: Workplace, tmp_path: Path) -> None:
    water = Atoms("OHH", positions=[[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], info={"energy": -150.0})
    write(tmp_path / "energies.extxyz", [water, water])
    result = finished.evaluate(str(finished.output / "best.ckpt"), str(tmp_path / "energies.extxyz"))
    assert result.exit_code == 0, result.output
    assert "energy per atom" in result.output
    assert "forces" not in result.output


@pytest.mark.parametrize("command", ["mlip-train", "mlip-eval"])
def test_installed_commands(command: str, tmp_path: Path) -> None:
    shown = subprocess.run([str(BIN / command), "--help"], capture_output=True, text=True, check=True)
    assert "Usage" in shown.stdout
    arguments = [str(tmp_path / "a"), str(tmp_path / "b")][: 1 if command == "mlip-train" else 2]
    failed = subprocess.run([str(BIN / command), *arguments], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"{command}: error: ")
    assert "Traceback" not in failed.stderr
    debugged = subprocess.run([str(BIN / command), *arguments, "--debug"], capture_output=True, text=True, check=False)
    assert debugged.returncode != 0
    assert "Traceback" in debugged.stderr


def test_help_imports_no_torch() -> None:
    code = "import sys, mlipkit.cli.train, mlipkit.cli.evaluate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
