# SPDX-License-Identifier: MIT
"""Files that are no usable checkpoint, and checkpoints where an artifact is wanted: what it is, and what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import mlipkit
from mlipkit.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from mlipkit.export import ArtifactError, read_manifest
from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status


@pytest.fixture
def saved(water_checkpoint: Checkpoint, tmp_path: Path) -> Callable[..., Path]:
    """Saves the checkpoint with some fields changed."""

    def save(**changes: Any) -> Path:
        path = tmp_path / "some.ckpt"
        dataclasses.replace(water_checkpoint, **changes).save(path)
        return path

    return save


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 400, "torch's own explanations are left out"
    return str(caught.value)


def changed(checkpoint: Checkpoint, name: str, value: Any) -> dict[str, Any]:
    return {**checkpoint.parameters, name: value}


def test_another_architecture(saved: Callable[..., Path]) -> None:
    message = refusal(saved(architecture="maze", provenance={"versions": {"mlipkit": "7.1.0"}}))
    assert "of architecture 'maze', which this mlipkit does not know (known: " in message
    assert "mace" in message
    assert f"it was written by mlipkit 7.1.0, this is {mlipkit.__version__}: use the version that wrote it" in message


def test_options_of_another_version(saved: Callable[..., Path], water_checkpoint: Checkpoint) -> None:
    message = refusal(saved(config={**water_checkpoint.config, "attention_heads": 4}))
    assert "options that this mlipkit does not take (attention_heads: " in message
    assert "written by mlipkit an unknown version" in message


def test_schema_and_missing_parts(saved: Callable[..., Path]) -> None:
    path = saved()
    content = torch.load(path, weights_only=True)
    torch.save({**content, "schema": 99}, path)
    assert "has checkpoint schema 99, this mlipkit" in refusal(path)
    torch.save({name: value for name, value in content.items() if name != "dtype"}, path)
    assert "incomplete mlipkit checkpoint" in refusal(path)
    torch.save({name: value for name, value in content.items() if name != "tasks"}, path)
    assert "incomplete mlipkit checkpoint ('tasks')" in refusal(path)


def test_parameters_that_are_no_numbers(saved: Callable[..., Path], water_checkpoint: Checkpoint) -> None:
    name, value = next(iter(water_checkpoint.parameters.items()))
    broken = value.clone()
    broken.view(-1)[-1] = torch.nan
    assert f"parameter {name} holds NaN or infinity" in refusal(
        saved(parameters=changed(water_checkpoint, name, broken))
    )
    other = changed(water_checkpoint, name, value.double())
    assert f"parameter {name} is float64, but the checkpoint is float32" in refusal(saved(parameters=other))
    assert f"parameter {name} is int, but" in refusal(saved(parameters=changed(water_checkpoint, name, 3)))


def test_parameters_of_another_model(saved: Callable[..., Path], water_checkpoint: Checkpoint) -> None:
    name, value = next(iter(water_checkpoint.parameters.items()))
    wider = changed(water_checkpoint, name, torch.cat([value, value]))
    shape = list(torch.cat([value, value]).shape)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(saved(parameters=wider)).build()
    assert f"{name} has shape {shape}, with these options it must be {list(value.shape)}" in str(caught.value)
    fewer = {key: entry for key, entry in water_checkpoint.parameters.items() if key != name}
    with pytest.raises(CheckpointError, match=f"missing .*{name}"):
        load_checkpoint(saved(parameters=fewer)).build()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated(saved: Callable[..., Path], share: float) -> None:
    path = saved()
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "is not a mlipkit checkpoint: it is damaged, truncated or another kind of file" in refusal(path)


def test_damaged_inside(saved: Callable[..., Path]) -> None:
    path = saved()
    content = bytearray(path.read_bytes())
    start = content.index(b"mlipkit-checkpoint") - 40
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    assert "take another copy" in refusal(path) or "give the file that mlip-train wrote" in refusal(path)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "file.ckpt"
    assert "does not exist" in refusal(path)
    torch.save(torch.nn.Linear(2, 2), path)
    assert "holds pickled Python objects, perhaps a model of another package" in refusal(path)
    torch.save({"state_dict": {}}, path)
    assert "give the file that mlip-train wrote" in refusal(path)
    torch.save([1, 2], path)
    assert "give the file that mlip-train wrote" in refusal(path)
    with pytest.raises(CheckpointError, match="is a folder"):
        load_checkpoint(tmp_path)


def test_artifact_in_place_of_a_checkpoint(water_artifact: Path) -> None:
    message = refusal(water_artifact)
    assert "is not a mlipkit checkpoint but an artifact, frozen by mlip-export" in message
    assert "best.ckpt" in message


def test_checkpoint_in_place_of_an_artifact(saved: Callable[..., Path], tmp_path: Path) -> None:
    path = saved()
    with pytest.raises(
        ArtifactError, match=r"is a checkpoint, not an artifact; freeze it: mlip-export .*some\.ckpt -o"
    ):
        read_manifest(path)
    with pytest.raises(EngineError, match=r"is no artifact but a checkpoint.*mlip-export") as caught:
        Engine(path)
    assert caught.value.status == Status.ARTIFACT
    torch.save({"state_dict": {}}, tmp_path / "other.pt")
    with pytest.raises(ArtifactError, match=r"holds no mlip\.json: it is not a mlipkit artifact"):
        read_manifest(tmp_path / "other.pt")
