# SPDX-License-Identifier: MIT
"""mlip-export --format torchforce as users run it: what it writes, says and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import ase.io
import pytest
from ase import Atoms
from typer.testing import CliRunner, Result

from mlipkit.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from mlipkit.cli.common import one_command
from mlipkit.cli.export import export
from mlipkit.cli.inspect import inspect
from mlipkit.doctor.artifact_kind import complaint
from mlipkit.export import ArtifactError
from mlipkit.export.torchforce.write import require_no_operators

ATOMS = Atoms("CHO", [[0, 0, 0], [1.1, 0, 0.1], [-0.7, 1.0, 0]])  # 15 electrons
GIVEN = ["--format", "torchforce", "--structure", "molecule.xyz"]
ALL = [*GIVEN, "--task", "hybrid", "--spin-multiplicity", "2"]


def run(command: Callable[..., None], *words: str) -> Result:
    return CliRunner().invoke(one_command("mlip-export", command), list(words))


@pytest.fixture
def folder(two_task_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    two_task_checkpoint.save(tmp_path / "best.ckpt")
    ase.io.write(tmp_path / "molecule.xyz", ATOMS)
    ase.io.write(tmp_path / "salt.xyz", Atoms("HNa", [[0, 0, 0], [0, 0, 2]]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_says_what_it_is(folder: Path) -> None:
    done = run(export, "best.ckpt", "-o", "force.pt", *ALL, "--license", "CC0-1.0", "--precision", "single")
    assert done.exit_code == 0, done.stderr
    assert "3 particles, task hybrid, total_charge 0, spin_multiplicity 2, precision single" in done.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["best.ckpt", "force.pt", "molecule.xyz", "salt.xyz"]
    shown = run(inspect, "force.pt").stdout
    for words in ("OpenMM's TorchForce", "3: CHO", "hybrid", "single", "CC0-1.0", "3.5 angstrom", "wB97M-V"):
        assert words in shown, words
    record = json.loads(run(inspect, "force.pt", "--json").stdout)
    assert record["symbols"] == ["C", "H", "O"]
    assert record["conditions"] == {"total_charge": 0.0, "spin_multiplicity": 2.0}
    assert record["model"]["tasks"][1]["name"] == "hybrid"
    found = complaint(Path("force.pt"))
    assert found is not None
    assert "OpenMM's TorchForce" in found[0]
    with pytest.raises(CheckpointError, match=r"a file for OpenMM's TorchForce.*here give the checkpoint"):
        load_checkpoint("force.pt")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "onnx"], "unknown format 'onnx'; known: artifact, torchforce"),
        (["--task", "pbe"], "--task belongs to --format torchforce"),
        (["--total-charge", "0"], "--total-charge belongs to --format torchforce"),
        (["--format", "torchforce"], "give --structure FILE"),
        ([*ALL, "--precisions", "double"], "a TorchForce file has one precision: --precision"),
        ([*ALL, "--precision", "half"], "unknown precision 'half'"),
        (["--format", "torchforce", "--structure", "none.xyz"], "structure none.xyz does not exist"),
        (["--format", "torchforce", "--structure", "best.ckpt"], "ASE cannot read structure best.ckpt"),
        (
            ["--format", "torchforce", "--structure", "salt.xyz", "--task", "pbe"],
            "the model does not know Na (first: particle 1, 'Na'); it knows H, C, O",
        ),
        (GIVEN, "the model has several tasks; name one of pbe, hybrid (--task)"),
        ([*GIVEN, "--task", "pbe0"], "the model has no task 'pbe0'; it has pbe, hybrid"),
        ([*GIVEN, "--task", "hybrid"], "needs spin_multiplicity (1 to 5) in task 'hybrid'; give --spin-multiplicity"),
        (
            [*GIVEN, "--task", "pbe", "--total-charge", "3"],
            "total_charge = 3 is outside the range of the model",
        ),
        ([*GIVEN, "--task", "pbe"], "leaves 15 electrons, which cannot have spin_multiplicity 1: it must be even"),
    ],
)
def test_mistakes(folder: Path, words: list[str], message: str) -> None:
    done = run(export, "best.ckpt", "-o", "force.pt", *words)
    assert done.exit_code == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, "one message, no traceback"
    assert not (folder / "force.pt").exists()


def test_a_model_without_conditions_takes_none(water_checkpoint: Checkpoint, folder: Path) -> None:
    water_checkpoint.save("water.ckpt")
    ase.io.write("water.xyz", Atoms("OH", [[0, 0, 0], [0, 0, 1]]))
    words = ["--format", "torchforce", "--structure", "water.xyz", "--total-charge", "0"]
    assert "does not take total_charge; it takes no conditions" in run(export, "water.ckpt", *words).stderr


def test_what_was_there_stays(folder: Path) -> None:
    (folder / "force.pt").write_text("precious")
    assert "give --force to replace it" in run(export, "best.ckpt", "-o", "force.pt", *ALL).stderr
    ase.io.write("molecule.xyz", Atoms("CHO", [[0, 0, 0], [0, 0, 0], [0, 1, 1]]))
    failed = run(export, "best.ckpt", "-o", "force.pt", "--force", *ALL)
    assert "two particles are at the same place" in failed.stderr
    assert (folder / "force.pt").read_text() == "precious"
    assert not list(folder.glob("*.part"))


def test_models_that_need_operators_are_refused(two_task_artifact: Path) -> None:
    with pytest.raises(ArtifactError, match=r"architecture 'other' calls .*mlip::convolution.*MLIPForce alone"):
        require_no_operators(two_task_artifact.read_bytes(), "other")
