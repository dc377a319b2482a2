# SPDX-License-Identifier: MIT
"""What an engine refuses to open: status, and a message that names the remedy."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_toy import Toy, manifest, probe, write_artifact

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status


def refusal(path: str | Path, **options: Any) -> EngineError:
    with pytest.raises(EngineError) as caught:
        Engine(path, **{"task": "pbe", **options})
    assert "\n" not in caught.value.message
    return caught.value


def altered(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The archive with each member passed through ``change``; zip checksums fit again."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


@pytest.mark.parametrize(
    ("option", "value", "parts"),
    [
        ("species", ["H", "C"], ["species 'C'", "H, O, Si"]),
        ("species", ["H", "si"], ["species 'si'", "did you mean 'Si'?"]),
        ("precision", "doubel", ["precision 'doubel'", "did you mean 'double'?", "double, mixed, single"]),
        ("device", "gpu", ["device 'gpu'", "cpu, cuda or cuda:N"]),
        ("device", "cuda:x", ["cpu, cuda or cuda:N"]),
        ("task", "pbe0", ["task 'pbe0'", "did you mean 'pbe'?", "pbe, hf"]),
        ("task", None, ["several tasks", "pbe, hf"]),
        ("threads", -1, ["threads is negative"]),
    ],
)
def test_wrong_option(toy_artifact: Path, option: str, value: object, parts: list[str]) -> None:
    error = refusal(toy_artifact, **{option: value})
    assert error.status == Status.ARGUMENT
    for part in parts:
        assert part in error.message


def test_device_that_is_not_there(toy_artifact: Path) -> None:
    error = refusal(toy_artifact, device="cuda:99")
    assert error.status == Status.ARGUMENT
    assert "cuda:99 is not available" in error.message
    assert "use device cpu" in error.message


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.pt", tmp_path):
        error = refusal(path)
        assert error.status == Status.ARTIFACT
        assert str(path) in error.message
        assert "mlip-export" in error.message


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_truncated(toy_artifact: Path, tmp_path: Path, share: float) -> None:
    content = toy_artifact.read_bytes()
    path = tmp_path / "short.pt"
    path.write_bytes(content[: int(share * len(content))])
    error = refusal(path)
    assert error.status == Status.ARTIFACT
    assert "damaged, truncated" in error.message


def test_other_kinds_of_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("units metal\n")
    assert "another kind of file" in refusal(path).message
    torch.save({"a": torch.zeros(3)}, path)
    assert refusal(path).status == Status.ARTIFACT
    torch.jit.save(torch.jit.script(Toy()), str(path))
    assert "no mlipkit artifact" in refusal(path).message


def tensors_of(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if "/data/" in name or "/constants/" in name]


def test_any_flipped_bit_of_any_tensor_is_noticed(toy_artifact: Path, tmp_path: Path) -> None:
    members = [name for name in tensors_of(toy_artifact) if not name.endswith(".pkl")]
    assert len(members) >= 7  # five parameters, two buffers
    for member in members:

        def flip(name: str, content: bytes, member: str = member) -> bytes:
            return content if name != member else content[:-1] + bytes([content[-1] ^ 1])

        error = refusal(altered(toy_artifact, tmp_path / "altered.pt", flip))
        assert error.status == Status.ARTIFACT
        assert "checksum" in error.message


@pytest.mark.parametrize("file", ["mlip.json", "probe.json"])
def test_any_change_of_manifest_or_probe_is_noticed(toy_artifact: Path, tmp_path: Path, file: str) -> None:
    def change(name: str, content: bytes) -> bytes:
        return content + b" " if name.endswith(f"extra/{file}") else content

    assert "checksum" in refusal(altered(toy_artifact, tmp_path / "altered.pt", change)).message


def test_missing_checksum(toy_artifact: Path, tmp_path: Path) -> None:
    def change(name: str, content: bytes) -> bytes:
        return b"" if name.endswith("mlip.sha256") else content

    assert "checksum" in refusal(altered(toy_artifact, tmp_path / "altered.pt", change)).message


def test_unknown_schema_comes_before_everything_else(tmp_path: Path) -> None:
    path = write_artifact(tmp_path / "new.pt", about=json.dumps({"schema": 2, "new": []}))
    error = refusal(path)
    assert error.status == Status.ARTIFACT
    assert "schema version 2" in error.message
    assert "reads version 1" in error.message
    assert "install the mlipkit that wrote it" in error.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cutoff": -1.0}, "expected a positive number"),
        ({"cutoff": "5"}, "expected a number, found a string"),
        ({"n_layers": 1.5}, "expected an integer, found 1.5"),
        ({"species": []}, "at least one species"),
        ({"masses": {"H": 1.0}}, "the key 'O' is missing"),
        ({"tolerances": {}}, "the key 'double' is missing"),
        ({"default_precision": "half"}, "not among the precisions"),
        ({"precisions": ["double", "half"]}, "the key 'half' is missing"),
        ({"units": {"energy": "kcal/mol", "length": "angstrom", "charge": "e"}}, "eV and angstrom only"),
        ({"conditions": {"total_charge": {"required": True, "range": [1]}}}, "array of 2 values, found 1"),
        ({"outputs": [{"name": "x", "unit": "e", "per": "edge", "width": 1}]}, "per atom"),
    ],
)
def test_manifest_with_a_wrong_entry(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    error = refusal(write_artifact(tmp_path / "wrong.pt", **change))
    assert error.status == Status.ARTIFACT
    assert "mlip.json line " in error.message
    assert message in error.message


def test_model_that_does_not_reproduce_its_reference(tmp_path: Path) -> None:
    reference = probe(Toy())
    reference["structures"][2]["forces"][1][0] += 1e-6
    error = refusal(write_artifact(tmp_path / "other.pt", reference=reference))
    assert error.status == Status.ARTIFACT
    assert "probe structure 2, a force differs by 1e-06 eV/angstrom, allowed is 1e-08" in error.message
    # within the tolerance of single precision, and of no importance without Si
    Engine(tmp_path / "other.pt", task="pbe", precision="single")
    Engine(tmp_path / "other.pt", task="pbe", species=["H", "O"])
    Engine(tmp_path / "other.pt", task="hf")


@pytest.mark.parametrize(("quantity", "name"), [("energy", "the energy"), ("virial", "the virial")])
def test_energy_and_virial_are_verified_too(tmp_path: Path, quantity: str, name: str) -> None:
    reference = probe(Toy())
    structure = reference["structures"][0]
    structure[quantity] = (np.asarray(structure[quantity]) + 1e-6).tolist()
    assert f"{name} differs by" in refusal(write_artifact(tmp_path / "other.pt", reference=reference)).message


def test_species_without_probe(tmp_path: Path) -> None:
    reference = probe(Toy())
    reference["structures"] = [s for s in reference["structures"] if "Si" not in s["species"]]
    path = write_artifact(tmp_path / "bare.pt", reference=reference)
    assert "no probe structure of task 'pbe' covers species Si" in refusal(path).message
    Engine(path, task="pbe", species=["O", "H"])


def test_model_without_a_declared_output(tmp_path: Path) -> None:
    outputs = [*manifest()["outputs"], {"name": "spins", "unit": "1", "per": "atom", "width": 1}]
    assert "gave no 'spins'" in refusal(write_artifact(tmp_path / "lacking.pt", outputs=outputs)).message


def test_output_of_another_width(tmp_path: Path) -> None:
    outputs = [{"name": "moments", "unit": "e angstrom", "per": "atom", "width": 2}]
    error = refusal(write_artifact(tmp_path / "narrow.pt", outputs=outputs))
    assert error.status == Status.ARTIFACT
    assert "'moments' with shape [4, 3]" in error.message
