# SPDX-License-Identifier: MIT
"""The manifest: what it accepts, what it refuses, and that equal manifests give equal bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mlipkit.export import read_manifest
from mlipkit.export.manifest import Manifest


@pytest.fixture
def content(two_task_artifact: Path) -> dict[str, Any]:
    return json.loads(read_manifest(two_task_artifact).dumps())


def test_round_trip_keeps_every_byte(content: dict[str, Any]) -> None:
    manifest = Manifest.model_validate(content)
    text = manifest.dumps()
    again = Manifest.model_validate(json.loads(text))
    assert again == manifest
    assert again.dumps() == text
    shuffled = dict(reversed(list(content.items())))
    assert Manifest.model_validate(shuffled).dumps() == text


def test_describes_the_two_task_model(content: dict[str, Any]) -> None:
    assert content["species"] == ["H", "C", "O"]
    assert content["atomic_numbers"] == [1, 6, 8]
    assert content["masses"]["O"] == pytest.approx(15.999)
    assert content["interaction_range"] == pytest.approx(2 * content["cutoff"])
    assert content["halo"] == {"exchanges": 1, "values_per_ghost": 4}
    assert content["units"] == {"energy": "eV", "length": "angstrom", "charge": "e"}
    assert [(task["name"], task["e0"]["C"]) for task in content["tasks"]] == [("pbe", -1029.8), ("hybrid", -1030.6)]
    charge, spin = content["conditions"]["total_charge"], content["conditions"]["spin_multiplicity"]
    assert charge == {"required": False, "range": [-2, 2], "default": {"pbe": 0, "hybrid": 0}}
    assert spin == {"required": True, "range": [1, 5], "default": {"pbe": 1}}
    assert [(output["name"], output["width"]) for output in content["outputs"]] == [("charges", 1), ("moments", 2)]
    assert content["license"] == "MIT"
    assert content["authors"] == ["Tests"]


def test_verification_is_within_tolerances(content: dict[str, Any]) -> None:
    assert set(content["verification"]) == {"single", "mixed", "double"} == set(content["tolerances"])
    for precision, found in content["verification"].items():
        allowed = content["tolerances"][precision]
        assert found["n_structures"] == 10  # per task: H, C, O, all three, and a crystal
        assert all(found[name] <= allowed[name] for name in allowed)
    # The comparison is one between different computations: in float32 they must differ.
    assert content["verification"]["single"]["force"] > 1e-9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "colour"),
        ({"cutoff": 0.0}, "cutoff"),
        ({"cutoff": float("nan")}, "cutoff"),
        ({"schema": 2}, "schema"),
        ({"atomic_numbers": [1, 6]}, "cover exactly the species"),
        ({"masses": {"H": 1.008}}, "cover exactly the species"),
        ({"default_precision": "half"}, "default_precision"),
        ({"precisions": ["double"]}, "not among precisions"),
        ({"tolerances": {}}, "tolerances"),
        ({"units": {"energy": "Ha", "length": "angstrom", "charge": "e"}}, "units.energy"),
        ({"species": ["H", "H", "O"]}, "unique"),
    ],
)
def test_refuses(content: dict[str, Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Manifest.model_validate(content | change)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"required": False, "range": [1, -1], "default": {"pbe": 0, "hybrid": 0}}, "empty"),
        ({"required": False, "range": [0, 1], "default": {"pbe": 2, "hybrid": 0}}, "outside the range"),
        ({"required": False, "range": [0, 1], "default": {"pbe": 0}}, "required exactly when"),
        ({"required": True, "range": [0, 1], "default": {"pbe": 0, "hybrid": 0}}, "required exactly when"),
        ({"required": True, "range": [0, 1], "default": {"lda": 0}}, "unknown tasks"),
    ],
)
def test_refuses_conditions(content: dict[str, Any], condition: dict[str, Any], message: str) -> None:
    content["conditions"]["total_charge"] = condition
    with pytest.raises(ValidationError, match=message):
        Manifest.model_validate(content)
