# SPDX-License-Identifier: MIT
"""Files that are no artifacts: what each is, and what to do; hosts are examined all the same."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from environments import Prefix

from mlipkit.checkpoint import Checkpoint
from mlipkit.doctor import Environment, Finding, Status
from mlipkit.doctor.artifact_kind import complaint
from mlipkit.doctor.check_model import Patient


def rewritten(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """Copy of an archive, each part passed through ``change``."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for entry in old.infolist():
            new.writestr(entry, change(entry.filename, old.read(entry)))
    return target


def examined(model: Path, folder: Path) -> list[Finding]:
    return Patient(Environment.current(), folder, model).findings()


def test_checkpoint(complete: Prefix, water_checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    water_checkpoint.save(path)
    answer = complete.doctor("--only", "model,lammps", path)
    found = answer.problem("model", "artifact")
    assert "is a checkpoint of mlip-train, not an artifact" in found["found"]
    assert f"mlip-export {path} -o {tmp_path / 'best.pt'}" in found["remedy"]
    # everything else runs with random weights
    assert "random weights" in answer.of("model", "10 atoms in the engine")["found"]
    assert answer.of("lammps", "10 atoms on 1 rank")["status"] == "ok"


def test_tampered_artifact(water_artifact: Path, tmp_path: Path) -> None:
    """Weights that were changed: only the checksum knows."""

    def change(name: str, content: bytes) -> bytes:
        return content[:-1] + bytes([content[-1] ^ 1]) if name.endswith("/data/0") else content

    path = rewritten(water_artifact, tmp_path / "model.pt", change)
    assert complaint(path) is None  # from outside it looks well
    found, *others = examined(path, tmp_path)
    assert found.status is Status.PROBLEM
    assert "was changed after its export" in found.found
    assert found.remedy is not None
    assert "export the checkpoint again" in found.remedy
    assert [finding.status for finding in others] == [Status.OK, Status.OK]


def test_unknown_schema(water_artifact: Path, tmp_path: Path) -> None:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("extra/mlip.json"):
            return content
        return json.dumps({**json.loads(content), "schema": 99}).encode()

    found, *others = examined(rewritten(water_artifact, tmp_path / "model.pt", change), tmp_path)
    assert found.status is Status.PROBLEM
    assert "has schema version 99" in found.found
    assert "install the mlipkit that wrote it" in found.found
    assert others


def make_file(kind: str, folder: Path, artifact: Path) -> Path:
    path = folder / "model.pt"
    if kind == "text":
        path.write_text("units metal\n")
    elif kind == "empty":
        path.touch()
    elif kind == "truncated":
        path.write_bytes(artifact.read_bytes()[:-2000])
    elif kind == "bits":
        content = bytearray(artifact.read_bytes())
        with zipfile.ZipFile(artifact) as archive:
            start = next(entry for entry in archive.infolist() if entry.filename.endswith("probe.json")).header_offset
        content[start + 2000] ^= 255
        path.write_bytes(content)
    elif kind == "weights":
        torch.save({"weight": torch.ones(2)}, path)
    elif kind == "binary":
        path.write_bytes(b"\x7fELF\x00\x01")
    elif kind == "lfs":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("notes.txt", "nothing")
    elif kind == "folder":
        path.mkdir()
    return path


KINDS = {
    "text": ("is a text file (it begins with 'units metal')", "mlip-export"),
    "empty": ("is empty", "copy it again"),
    "truncated": ("is truncated or damaged", "copy it again"),
    "bits": ("is damaged", "copy it again"),
    "weights": ("is a torch file of another program", "mlip-export"),
    "binary": ("is a binary file of another kind", "mlip-export"),
    "lfs": ("is a Git LFS pointer", "git lfs pull"),
    "zip": ("is a zip archive without mlip.json", "mlip-export"),
    "folder": ("is a folder", "mlip-export"),
    "missing": ("does not exist", "check the name"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_file_is(kind: str, tmp_path: Path, water_artifact: Path) -> None:
    found = complaint(make_file(kind, tmp_path, water_artifact))
    assert found is not None
    expected, remedy = KINDS[kind]
    assert expected in found[0]
    assert remedy in found[1]


def test_torchscript_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(path))
    found = complaint(path)
    assert found is not None
    assert "is a TorchScript file of another program" in found[0]


def test_an_artifact_is_not_complained_about(water_artifact: Path) -> None:
    assert complaint(water_artifact) is None
