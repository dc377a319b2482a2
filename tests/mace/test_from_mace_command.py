# SPDX-License-Identifier: MIT
"""mlip-export --from-mace as users run it: what it says, what it writes, what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mace_package import numbers_of, package_calculator, read_model
from mace_structures import comparison_structures
from specimen import assert_same
from typer.testing import CliRunner
from zoo import OXIDE

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import load_checkpoint
from mlipkit.cli.common import one_command
from mlipkit.cli.export import export
from mlipkit.export import read_manifest

WITHOUT_MACE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('mace', 'e3nn'):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from mlipkit.cli.export import main
main()
"""


def run(*words: str | Path) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of mlip-export, in this process, which has torch loaded already."""
    done = CliRunner().invoke(one_command("mlip-export", export), list(map(str, words)))
    return done.exit_code, done.stdout, done.stderr


def refusal(*words: str | Path) -> str:
    code, _, said = run(*words)
    assert code == 1
    assert len(said.strip().splitlines()) == 1, "one message, no traceback"
    return said


def test_a_model_becomes_an_artifact_and_a_checkpoint(model_file: Callable[[str], Path], tmp_path: Path) -> None:
    file, artifact, checkpoint = model_file("two_heads"), tmp_path / "model.pt", tmp_path / "hybrid.ckpt"
    words = ["--head", "hybrid", "--checkpoint", checkpoint, "--license", "MIT", "--author", "A"]
    code, said, complaints = run("--from-mace", file, "-o", artifact, *words)
    assert code == 0, complaints
    first, second, *_ = said.splitlines()
    assert "compared with the original" in second
    for part in ("unpickled", "code of whoever made it", "ScaleShiftMACE", "species H O Ti", "cutoff 4.5 angstrom"):
        assert part in first
    assert "2 layers, hidden irreps 4x0e+4x1o, head hybrid" in first
    assert f"wrote {checkpoint}" in said
    assert f"wrote {artifact}" in said
    manifest = read_manifest(artifact)
    assert [task.name for task in manifest.tasks] == ["hybrid"]
    assert (manifest.license, manifest.authors) == ("MIT", ["A"])

    again = tmp_path / "again.pt"  # the checkpoint is an ordinary one
    assert run(checkpoint, "-o", again)[0] == 0
    assert load_checkpoint(checkpoint).tasks[0].name == "hybrid"
    atoms = comparison_structures(OXIDE, 4.5)["triclinic"]
    theirs = numbers_of(package_calculator(file, "hybrid"), atoms)
    for path in (artifact, again):
        assert_same(numbers_of(MLIPCalculator(path, precision="double"), atoms), theirs)


def test_forces_that_differ_on_purpose_are_told(model_file: Callable[[str], Path], tmp_path: Path) -> None:
    code, _, complaints = run("--from-mace", model_file("chebyshev_agnesi"), "-o", tmp_path / "model.pt")
    assert code == 0
    assert complaints.startswith("warning: ")
    assert "Chebyshev" in complaints
    assert len(complaints.splitlines()) == 1


def test_heads_are_listed(model_file: Callable[[str], Path], tmp_path: Path) -> None:
    code, said, _ = run("--from-mace", model_file("two_heads"), "--list-heads", "-o", tmp_path / "model.pt")
    assert code == 0
    assert said.splitlines() == ["pbe", "hybrid"]
    assert not list(tmp_path.iterdir())


def test_the_head_must_be_known(model_file: Callable[[str], Path], tmp_path: Path) -> None:
    for words in ([], ["--head", "pbe0"]):
        said = refusal("--from-mace", model_file("two_heads"), "-o", tmp_path / "model.pt", *words)
        assert "pbe, hybrid" in said
    assert not list(tmp_path.iterdir())


def test_options_that_do_not_go_together(trained_model: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.pt"
    assert "give one of them" in refusal("best.ckpt", "--from-mace", trained_model, "-o", output)
    assert "no model is given" in refusal("-o", output)
    for words in (["--head", "pbe"], ["--list-heads"], ["--checkpoint", "a.ckpt"]):
        assert f"{words[0]} belongs to --from-mace" in refusal("best.ckpt", *words, "-o", output)
    (tmp_path / "precious.ckpt").write_text("precious")
    words = ["--from-mace", trained_model, "-o", output, "--checkpoint", tmp_path / "precious.ckpt"]
    assert "--force" in refusal(*words)
    assert "two different files" in refusal("--from-mace", trained_model, "-o", output, "--checkpoint", output)


def other_files(trained_model: Path, folder: Path) -> dict[str, str]:
    """Files that people take for the model, with what the message must say."""
    run_folder = trained_model.parent
    files = {
        "absent.model": "does not exist",
        "text.model": "no file that torch wrote",
        "empty.model": "no file that torch wrote",
        "archive.model": "zip archive",
        "state.model": "weights without the model",
        "cut.model": "no file that torch wrote",
        "list.model": "holds a list",
    }
    (folder / "text.model").write_text("hello")
    (folder / "empty.model").write_bytes(b"")
    shutil.make_archive(str(folder / "archive"), "zip", run_folder / "logs")
    (folder / "archive.zip").rename(folder / "archive.model")
    torch.save(read_model(trained_model).state_dict(), folder / "state.model")
    content = trained_model.read_bytes()
    (folder / "cut.model").write_bytes(content[: len(content) // 2])
    torch.save([read_model(trained_model)], folder / "list.model")
    compiled = run_folder / "water_compiled.model"
    checkpoint = next((run_folder / "checkpoints").glob("*.pt"))
    return {str(folder / name): message for name, message in files.items()} | {
        str(folder): "is a folder",
        str(compiled): "compiled TorchScript",
        str(checkpoint): "weights without the model",
    }


def test_other_files_are_named(trained_model: Path, water_artifact: Path, tmp_path: Path) -> None:
    output = tmp_path / "model.pt"
    for file, message in other_files(trained_model, tmp_path).items():
        assert message in refusal("--from-mace", file, "-o", output), file
    assert "artifact of mlip-export already" in refusal("--from-mace", water_artifact, "-o", output)
    _, _, complaints = run("--from-mace", trained_model, "-o", output, "--checkpoint", tmp_path / "water.ckpt")
    assert "give it without --from-mace" in refusal("--from-mace", tmp_path / "water.ckpt", "-o", tmp_path / "b.pt")
    assert "pickled Python objects" in refusal(trained_model, "-o", tmp_path / "b.pt")
    assert "--from-mace" in refusal(trained_model, "-o", tmp_path / "b.pt")
    assert complaints == ""
    assert "damaged" in refusal(tmp_path / "cut.model", "-o", tmp_path / "b.pt")


def test_nothing_is_unpickled_unless_asked_for(trained_model: Path, tmp_path: Path) -> None:
    """A file that leaves a trace when it is unpickled; only --from-mace may leave it."""
    trace = tmp_path / "trace"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (trace,)

    torch.save(Trap(), tmp_path / "trap.model")
    refusal(tmp_path / "trap.model", "-o", tmp_path / "model.pt")
    assert not trace.exists()
    assert "not a model" in refusal("--from-mace", tmp_path / "trap.model", "-o", tmp_path / "model.pt")
    assert trace.exists()


def test_without_mace_torch(trained_model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_MACE, "--from-mace", str(trained_model), "-o", str(tmp_path / "model.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "pip install 'mlipkit[mace]'" in done.stderr


def test_the_environment_stays_as_it_was(trained_model: Path, tmp_path: Path) -> None:
    """The variable that e3nn needs is not left set, and what it would allow stays forbidden."""
    code = (
        "import os, sys, pickle, torch\n"
        "from pathlib import Path\n"
        "from mlipkit.importers.mace import import_mace\n"
        "model = import_mace(Path(sys.argv[1])).build()\n"
        "assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD' not in os.environ\n"
        "assert torch.get_default_dtype() == torch.float32\n"
        "try: torch.load(sys.argv[1])\n"
        "except pickle.UnpicklingError: print('refused')\n"
    )
    command = [sys.executable, "-c", code, str(trained_model)]
    # the package sets the variable in every process that imports it, this one included
    clean = {name: value for name, value in os.environ.items() if name != "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=clean)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "refused\n"


def test_the_artifact_needs_no_mace_torch(trained_model: Path, tmp_path: Path) -> None:
    code, _, complaints = run("--from-mace", trained_model, "-o", tmp_path / "model.pt")
    assert code == 0, complaints
    code = (
        "import sys\n"
        "from ase.build import molecule\n"
        "from mlipkit import MLIPCalculator\n"
        "atoms = molecule('H2O', calculator=MLIPCalculator(sys.argv[1]))\n"
        "print(atoms.get_potential_energy(), 'mace' in sys.modules, 'e3nn' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    energy, *loaded = done.stdout.split()
    assert np.isfinite(float(energy))
    assert loaded == ["False", "False"]
