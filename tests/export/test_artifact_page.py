# SPDX-License-Identifier: MIT
"""docs/artifact.md lists exactly the fields of the manifest and of the probe, with their meanings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from mlipkit.export.manifest import Manifest
from mlipkit.export.probe import Probe
from mlipkit.export.tolerances import TOLERANCES

PAGE = (Path(__file__).parents[2] / "docs" / "artifact.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found.group(1)


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def nested(annotation: Any) -> tuple[str, type[BaseModel]] | None:
    """The record inside a list or dictionary, and how its fields are written: ``[].`` or ``.*.``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return ".", annotation
    if get_origin(annotation) is list and nested(get_args(annotation)[0]):
        return "[].", get_args(annotation)[0]
    if get_origin(annotation) is dict and nested(get_args(annotation)[1]):
        return ".*.", get_args(annotation)[1]
    return None


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, info in model.model_fields.items():
        path = prefix + (info.alias or name)
        assert info.description, f"{path} has no description"
        yield path, info.description
        inner = nested(info.annotation)
        if inner:
            yield from fields(inner[1], path + inner[0])


@pytest.mark.parametrize(("title", "model"), [("The manifest: mlip.json", Manifest), ("The probe: probe.json", Probe)])
def test_page_lists_every_field_and_no_other(title: str, model: type[BaseModel]) -> None:
    written = {row[0].strip("`"): row[1] for row in rows(section(title))}
    assert written == dict(fields(model))


def test_page_shows_the_tolerance_table() -> None:
    written = {row[0].strip("`"): [float(cell) for cell in row[1:]] for row in rows(section("Tolerances"))}
    assert written == {name: [entry.energy_per_atom, entry.force, entry.virial] for name, entry in TOLERANCES.items()}
