# SPDX-License-Identifier: MIT
"""From a checkpoint to a verified artifact ``model.pt``, and reading what an artifact says (that needs no torch)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlipkit.export.reader import ArtifactError, read_manifest, read_probe

if TYPE_CHECKING:
    from mlipkit.export.artifact import export

__all__ = ["ArtifactError", "export", "read_manifest", "read_probe"]


def __getattr__(name: str) -> Any:
    if name == "export":
        from mlipkit.export.artifact import export

        return export
    raise AttributeError(f"module 'mlipkit.export' has no attribute {name!r}")
