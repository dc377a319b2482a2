# SPDX-License-Identifier: MIT
"""Reads manifest and probe of an artifact straight from the zip archive. Imports no torch; checks no tensor."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mlipkit.export.manifest import SCHEMA, Manifest

if TYPE_CHECKING:
    from mlipkit.export.probe import Probe

MANIFEST = "mlip.json"
PROBE = "probe.json"
DIGEST = "mlip.sha256"
TORCHFORCE = "torchforce.json"  # of files that are no artifacts: mlipkit.export.torchforce


class ArtifactError(ValueError):
    """The file is not a usable artifact, or must not become one; the message says why and what to do."""


def read_manifest(path: str | Path) -> Manifest:
    """What an artifact says about itself.

    Raises:
        ArtifactError: no such file, not an artifact, truncated, of an unknown schema, or inconsistent.
    """
    content = _read_json(path, MANIFEST)
    schema = content.get("schema")
    if schema != SCHEMA:
        raise ArtifactError(
            f"{path} has schema version {schema!r}, this mlipkit reads {SCHEMA}: "
            "install the mlipkit that wrote it or export the checkpoint again"
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise ArtifactError(f"the manifest of {path} is not valid: {describe(error)}") from error


def read_probe(path: str | Path) -> Probe:
    """The probe structures of an artifact with their reference numbers; raises like `read_manifest`."""
    from mlipkit.export.probe import Probe

    try:
        return Probe.model_validate(_read_json(path, PROBE))
    except ValidationError as error:
        raise ArtifactError(f"the probe of {path} is not valid: {describe(error)}") from error


def describe(error: ValidationError) -> str:
    """One line: every field that is wrong, and how."""
    parts = []
    for entry in error.errors():
        where = ".".join(str(key) for key in entry["loc"])
        parts.append(f"{where}: {entry['msg']}" if where else entry["msg"])
    return "; ".join(parts)


def _read_json(path: str | Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads(read_extra(Path(path), name))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{name} in {path} is not valid JSON ({error}): export the checkpoint again") from error
    if not isinstance(content, dict):
        raise ArtifactError(f"{name} in {path} is not a JSON object: export the checkpoint again")
    return content


def _is_checkpoint(archive: zipfile.ZipFile) -> bool:
    """Whether mlip-train wrote it; the mark is a plain string in the pickled data, which are not loaded for this."""
    return any(
        entry.endswith("/data.pkl") and b"mlipkit-checkpoint" in archive.read(entry) for entry in archive.namelist()
    )


def read_extra(path: Path, name: str) -> bytes:
    """Extra files of a TorchScript archive lie in ``<archive>/extra/``."""
    if not path.is_file():
        raise ArtifactError(f"artifact {path} does not exist")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {entry.split("/", 1)[-1]: entry for entry in archive.namelist()}
            found = members.get(f"extra/{name}")
            if found is None and f"extra/{TORCHFORCE}" in members:
                raise ArtifactError(
                    f"{path} is no artifact but a file for OpenMM's TorchForce, made for one list of atoms; give the "
                    "artifact, which mlip-export writes from the same checkpoint without --format torchforce"
                )
            if found is None and _is_checkpoint(archive):
                raise ArtifactError(
                    f"{path} is a checkpoint, not an artifact; freeze it: "
                    f"mlip-export {path} -o {path.with_suffix('.pt')}"
                )
            if found is None:
                raise ArtifactError(f"{path} holds no {name}: it is not a mlipkit artifact; make one with mlip-export")
            return archive.read(found)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ArtifactError(
            f"{path} is damaged, truncated or no artifact at all ({error}): copy it again or export it again"
        ) from error
