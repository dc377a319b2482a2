# SPDX-License-Identifier: MIT
"""Damaged, altered and foreign files: reader and engine refuse each with a message that names the remedy."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mlipkit.export import ArtifactError, read_manifest
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status

Change = Callable[[str, bytes], bytes]


def rewritten(path: Path, target: Path, change: Change) -> Path:
    """Copies the archive, each member through ``change(name, content)``; the zip file itself stays sound."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def edit_json(file: str, edit: Callable[[dict[str, Any]], None]) -> Change:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith(f"extra/{file}"):
            return content
        data = json.loads(content)
        edit(data)
        return json.dumps(data).encode()

    return change


def flip_a_weight(name: str, content: bytes) -> bytes:
    if not name.endswith("/data/0") and not name.endswith("constants/0"):
        return content
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "altered.pt"


def refusal(path: Path) -> EngineError:
    with pytest.raises(EngineError) as caught:
        Engine(path)
    assert caught.value.status == Status.ARTIFACT
    return caught.value


def test_copy_without_change_opens(water_artifact: Path, target: Path) -> None:
    Engine(rewritten(water_artifact, target, lambda name, content: content))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(flip_a_weight, id="weight"),
        pytest.param(edit_json("mlip.json", lambda m: m["species"].reverse()), id="species"),
        pytest.param(edit_json("mlip.json", lambda m: m["tasks"][0]["e0"].update(H=0.0)), id="E0"),
        pytest.param(edit_json("mlip.json", lambda m: m["tolerances"]["double"].update(force=1.0)), id="tolerance"),
        pytest.param(edit_json("probe.json", lambda p: p["structures"].pop()), id="probe"),
    ],
)
def test_tampering_is_refused(water_artifact: Path, target: Path, change: Change) -> None:
    assert "checksum" in str(refusal(rewritten(water_artifact, target, change)))


def test_unknown_schema_is_refused_by_reader_and_engine(water_artifact: Path, target: Path) -> None:
    rewritten(water_artifact, target, edit_json("mlip.json", lambda m: m.update(schema=7)))
    with pytest.raises(ArtifactError, match="schema version 7, this mlipkit reads 1"):
        read_manifest(target)
    assert "schema version 7" in str(refusal(target))


def test_missing_file() -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        read_manifest("nowhere.pt")
    assert "does not exist" in str(refusal(Path("nowhere.pt")))


def test_truncated_file(water_artifact: Path, target: Path) -> None:
    content = water_artifact.read_bytes()
    target.write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtifactError, match=r"damaged, truncated or no artifact.*export"):
        read_manifest(target)
    refusal(target)


def test_damaged_manifest_bytes(water_artifact: Path, target: Path) -> None:
    content = bytearray(water_artifact.read_bytes())
    content[content.index(b'"interaction_range"') + 3] ^= 1
    target.write_bytes(bytes(content))
    with pytest.raises(ArtifactError, match="damaged"):
        read_manifest(target)
    refusal(target)


def test_torchscript_file_that_is_no_artifact(target: Path) -> None:
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(target))
    with pytest.raises(ArtifactError, match="make one with mlip-export"):
        read_manifest(target)
    assert "mlip-export" in str(refusal(target))


def test_manifest_that_is_not_json(water_artifact: Path, target: Path) -> None:
    rewritten(water_artifact, target, lambda name, c: b"{" if name.endswith("mlip.json") else c)
    with pytest.raises(ArtifactError, match="not valid JSON"):
        read_manifest(target)
    refusal(target)


def test_manifest_with_a_wrong_field_names_it(water_artifact: Path, target: Path) -> None:
    rewritten(water_artifact, target, edit_json("mlip.json", lambda m: m["halo"].update(exchanges=-1)))
    with pytest.raises(ArtifactError, match=r"halo\.exchanges"):
        read_manifest(target)
