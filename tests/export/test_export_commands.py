# SPDX-License-Identifier: MIT
"""mlip-export and mlip-inspect as users run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlipkit.checkpoint import Checkpoint
from mlipkit.cli.common import one_command
from mlipkit.cli.export import export
from mlipkit.export import read_manifest


def run(program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / program), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def refusal(*words: str | Path) -> str:
    """What mlip-export says when it refuses; in this process, which has torch loaded already."""
    done = CliRunner().invoke(one_command("mlip-export", export), list(map(str, words)))
    assert done.exit_code == 1
    assert len(done.stderr.strip().splitlines()) == 1, "one message, no traceback"
    return done.stderr


@pytest.fixture
def checkpoint_file(two_task_checkpoint: Checkpoint, tmp_path: Path) -> Path:
    two_task_checkpoint.save(tmp_path / "best.ckpt")
    return tmp_path / "best.ckpt"


def test_export_writes_and_shows_what_was_found(checkpoint_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    options = ["--license", "CC0-1.0", "--author", "A", "--author", "B", "--citation", "Paper", "--force"]
    done = run("mlip-export", checkpoint_file, "-o", path, *options, "--default-precision", "single")
    assert done.returncode == 0, done.stderr
    manifest = read_manifest(path)
    assert (manifest.license, manifest.authors, manifest.citation) == ("CC0-1.0", ["A", "B"], ["Paper"])
    assert manifest.default_precision == "single"
    for precision, found in manifest.verification.items():
        assert precision in done.stdout
        assert f"{found.force:.1e}" in done.stdout
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["best.ckpt", "model.pt"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precisions", "double,half"], "unknown precision 'half'"),
        (["--precisions", "double", "--default-precision", "mixed"], "not offered"),
        (["-o", "nowhere/model.pt"], "does not exist"),
        (["-o", "."], "is a folder"),
    ],
)
def test_export_refuses(checkpoint_file: Path, tmp_path: Path, options: list[str], message: str) -> None:
    defaults = [] if "-o" in options else ["-o", str(tmp_path / "model.pt")]
    assert message in refusal(checkpoint_file, *options, *defaults)
    assert not (tmp_path / "model.pt").exists()


def test_export_does_not_overwrite_unless_told(checkpoint_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_text("precious")
    assert "--force" in refusal(checkpoint_file, "-o", path)
    assert path.read_text() == "precious"


def test_export_of_something_else(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.ckpt"
    wrong.write_text("hello")
    assert "is not a mlipkit checkpoint" in refusal(wrong, "-o", tmp_path / "model.pt")


def test_inspect_shows_everything(two_task_artifact: Path) -> None:
    done = run("mlip-inspect", two_task_artifact)
    assert done.returncode == 0, done.stderr
    words = ["mace", "H C O", "3.5 angstrom", "7 angstrom", "pbe", "wB97M-V", "-1030.600000", "total_charge", "-2 to 2"]
    words += ["spin_multiplicity", "charges", "e angstrom", "mixed by default", "MIT", "Tests", "float32", "schema 1"]
    for word in words:
        assert word in done.stdout, word


def test_inspect_json_is_the_manifest(two_task_artifact: Path) -> None:
    done = run("mlip-inspect", two_task_artifact, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == read_manifest(two_task_artifact).dumps()
    assert json.loads(done.stdout)["architecture"] == "mace"


def test_inspect_refuses_other_files(tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_text("hello")
    for name, message in (("model.pt", "damaged"), ("absent.pt", "does not exist")):
        done = run("mlip-inspect", tmp_path / name)
        assert done.returncode == 1
        assert message in done.stderr
        assert done.stdout == ""


def test_inspect_and_help_need_no_torch(two_task_artifact: Path) -> None:
    code = (
        "import sys; from mlipkit.cli.{0} import main; sys.argv = ['x', *sys.argv[1:]]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'"
    )
    for module, argument in (("inspect", str(two_task_artifact)), ("export", "--help")):
        done = subprocess.run([sys.executable, "-c", code.format(module), argument], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
