# SPDX-License-Identifier: MIT
"""From a file of mace-torch to a checkpoint of this package."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from mlipkit import __version__
from mlipkit.checkpoint import Checkpoint, Task
from mlipkit.importers.mace.convert import MODELS, convert, heads_of
from mlipkit.importers.mace.errors import ImportRefused
from mlipkit.importers.mace.interaction import INTERACTIONS
from mlipkit.importers.mace.part import Account, Part, check_class
from mlipkit.importers.mace.reading import read, sha256
from mlipkit.importers.mace.verify import verify

ROUNDED = 1e-12  # constants further from their exact values than this were once kept in float32


def list_heads(path: str | Path) -> list[str]:
    """Names of the heads of a model. Unpickles the file: only for files whose origin you trust.

    Raises:
        ImportRefused: not a model of mace-torch.
    """
    return heads_of(_open(Path(path)))


def import_mace(path: str | Path, head: str | None = None) -> Checkpoint:
    """Converts a model of mace-torch and compares both. Unpickles the file: only for files whose origin you trust.

    The checkpoint is in float64, because weights projected onto another basis are not representable in float32;
    ``provenance["source"]`` holds the dtype in which the model was kept, and so the precision that it deserves, and
    notes for users. Files of models kept in float32 hold coupling coefficients in float32 too; here they are exact, so
    that numbers agree with those of mace-torch to that rounding (1e-8 of the terms that cancel in them).

    Args:
        path: a ``.model`` file.
        head: which head; may be left out where there is one.

    Raises:
        ImportRefused: not a model of mace-torch, no such head, or something that cannot be converted exactly.
    """
    path = Path(path)
    root = _open(path)
    heads = heads_of(root)
    name = _choose(path, heads, head)
    converted = convert(root, heads.index(name))
    rounded = _kept_in_float32(root)
    parameters = {key: value.contiguous().clone() for key, value in converted.parameters.items()}
    checkpoint = Checkpoint(
        architecture="mace",
        config=converted.config.model_dump(mode="json"),
        parameters=parameters,
        tasks=[Task(name, f"as trained in {path.name}", converted.e0)],
        dtype="float64",
    )
    agreement = verify(root.module, checkpoint.build(), heads.index(name), rounded, compare_forces=not converted.notes)
    checkpoint.provenance = {
        "source": {
            "format": "mace-torch",
            "file": path.name,
            "sha256": sha256(path),
            "model": root.class_name,
            "interactions": [part.class_name for part in root.children("interactions", *INTERACTIONS)],
            "heads": heads,
            "head": name,
            "dtype": "float32" if rounded else "float64",
            "verified": asdict(agreement),
            "notes": converted.notes,
        },
        "versions": {"mlipkit": __version__, "torch": str(torch.__version__), **_versions("mace-torch", "e3nn")},
    }
    return checkpoint


def _open(path: Path) -> Part:
    model = read(path)
    check_class(model, "", MODELS)
    return Part(model, "", Account())


def _choose(path: Path, heads: list[str], head: str | None) -> str:
    if head is None and len(heads) == 1:
        return heads[0]
    if head not in heads:
        what = f"has no head {head!r}" if head is not None else "has several heads"
        raise ImportRefused(f"{path} {what}; choose one of: {', '.join(heads)}")
    return head


def _kept_in_float32(root: Part) -> bool:
    """By the dtype of the weights, or by constants that are only good to float32."""
    return next(root.module.parameters()).dtype != torch.float64 or root.account.rounding > ROUNDED


def _versions(*packages: str) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
