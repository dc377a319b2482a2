# SPDX-License-Identifier: MIT
"""Export refuses what is not sound, and leaves nothing behind when it does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mlipkit.checkpoint import Checkpoint
from mlipkit.export import ArtifactError, artifact, export, read_manifest
from mlipkit.export.digest import artifact_digest, named_tensors
from mlipkit.export.freeze import deserialise, freeze, serialise
from mlipkit.export.tolerances import TOLERANCES, tolerance


def broken(checkpoint: Checkpoint) -> torch.jit.ScriptModule:
    """The frozen module with one weight off by a hundredth."""
    module = freeze(checkpoint)
    module.embedding.data[0] *= 1.01
    return module


def test_broken_module_is_refused(
    water_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "freeze", broken)
    with pytest.raises(ArtifactError, match="differs from the reference on the probe"):
        export(water_checkpoint, tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []


def test_refusal_leaves_the_old_artifact_alone(
    water_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"precious")
    monkeypatch.setattr(artifact, "freeze", broken)
    with pytest.raises(ArtifactError):
        export(water_checkpoint, path)
    assert path.read_bytes() == b"precious"


def test_parameters_that_are_not_numbers_are_refused(water_checkpoint: Checkpoint, tmp_path: Path) -> None:
    parameters = {**water_checkpoint.parameters, "embedding": torch.full((2, 8), torch.nan)}
    with pytest.raises(ArtifactError, match="NaN"):
        export(replace(water_checkpoint, parameters=parameters), tmp_path / "model.pt")


def test_engine_has_the_last_word(
    water_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "artifact_digest", lambda *_: "0" * 64)
    with pytest.raises(ArtifactError, match="the engine refuses the model"):
        export(water_checkpoint, tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []


def test_tasks_must_be_those_of_the_model(two_task_checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="tasks"):
        export(replace(two_task_checkpoint, tasks=two_task_checkpoint.tasks[:1]), tmp_path / "model.pt")


def test_every_species_needs_a_reference_energy(water_checkpoint: Checkpoint, tmp_path: Path) -> None:
    task = replace(water_checkpoint.tasks[0], e0={"H": -13.6})
    with pytest.raises(ArtifactError, match="reference energy"):
        export(replace(water_checkpoint, tasks=[task]), tmp_path / "model.pt")


@pytest.mark.parametrize("name", ["water_checkpoint", "vector_checkpoint", "two_task_checkpoint"])
def test_archive_gives_back_every_tensor(name: str, request: pytest.FixtureRequest) -> None:
    checkpoint: Checkpoint = request.getfixturevalue(name)
    module = freeze(checkpoint)
    before, after = named_tensors(module), named_tensors(deserialise(serialise(module, {})))
    assert list(before) == list(after)
    for key, tensor in before.items():
        assert tensor.dtype == after[key].dtype
        assert torch.equal(tensor, after[key])
    assert set(checkpoint.parameters) < set(before), "constants must be stored beside the parameters"
    for key, parameter in checkpoint.parameters.items():
        assert torch.equal(before[key], parameter)
    constants = [t for key, t in before.items() if key not in checkpoint.parameters and t.is_floating_point()]
    assert constants
    assert all(tensor.dtype == torch.float64 for tensor in constants)


def test_digest_sees_every_part(water_checkpoint: Checkpoint) -> None:
    module = freeze(water_checkpoint)
    digests = [artifact_digest("{}", "{}", module), artifact_digest("{} ", "{}", module)]
    digests.append(artifact_digest("{}", "[]", module))
    for tensor in named_tensors(module).values():
        if not tensor.numel():
            continue  # filled when the artifact is opened
        saved = tensor.clone()
        tensor.view(-1).view(torch.uint8)[0] ^= 1
        digests.append(artifact_digest("{}", "{}", module))
        tensor.copy_(saved)
    assert len(set(digests)) == len(digests)
    assert artifact_digest("{}", "{}", module) == digests[0]


def test_offers_the_precisions_asked_for(water_checkpoint: Checkpoint, tmp_path: Path) -> None:
    export(water_checkpoint, tmp_path / "model.pt", precisions=["double"])
    manifest = read_manifest(tmp_path / "model.pt")
    assert manifest.precisions == ["double"] == list(manifest.tolerances)
    assert manifest.default_precision == "double"


def test_default_precision_follows_the_training_dtype(water_artifact: Path, vector_artifact: Path) -> None:
    assert read_manifest(water_artifact).default_precision == "mixed"
    assert read_manifest(vector_artifact).default_precision == "double"


def test_default_precision_must_be_offered(water_checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not offered"):
        export(water_checkpoint, tmp_path / "model.pt", precisions=["double"], default_precision="single")


def test_arguments_replace_the_metadata_of_the_checkpoint(water_checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    export(water_checkpoint, path, license="CC-BY-4.0", citation=["Münster et al., 2025"])
    manifest = read_manifest(path)
    assert (manifest.license, manifest.authors) == ("CC-BY-4.0", ["Tests"])
    assert manifest.citation == ["Münster et al., 2025"]


def test_provenance_names_files_without_their_folders(water_checkpoint: Checkpoint, tmp_path: Path) -> None:
    datasets = [{"path": "/home/somebody/data/water.extxyz", "sha256": "ab" * 32}]
    provenance = {"config_sha256": "cd" * 32, "datasets": datasets, "seed": 3}
    export(replace(water_checkpoint, provenance=provenance), tmp_path / "model.pt", precisions=["double"])
    found = read_manifest(tmp_path / "model.pt").provenance
    assert (found.config_sha256, found.datasets[0].sha256) == ("cd" * 32, "ab" * 32)
    assert found.datasets[0].path == "water.extxyz"
    assert found.model_extra == {"seed": 3}
    assert found.torch_version == torch.__version__


def test_tolerances_grow_with_the_forces_of_the_probe() -> None:
    assert tolerance("single", 0.1) == TOLERANCES["single"]
    assert tolerance("single", 30.0).force == pytest.approx(30 * TOLERANCES["single"].force)


def test_same_checkpoint_gives_the_same_artifact(water_checkpoint: Checkpoint, tmp_path: Path) -> None:
    export(water_checkpoint, tmp_path / "a.pt")
    export(water_checkpoint, tmp_path / "b.pt")
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
