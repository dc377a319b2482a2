# SPDX-License-Identifier: MIT
"""Unpickling a file that mace-torch wrote: it can run any code, so only what a user named for import is read."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from mlipkit.importers.file_kind import NotAModelFile, check_pickled_model
from mlipkit.importers.mace.errors import ImportRefused


def read(path: Path) -> torch.nn.Module:
    """The pickled module on the CPU; other kinds of file are refused before anything is unpickled."""
    try:
        check_pickled_model(path)
    except NotAModelFile as error:
        raise ImportRefused(str(error)) from None
    with _importable():
        try:
            for module in ("e3nn.o3", "mace.modules"):
                importlib.import_module(module)
        except ImportError as error:
            raise ImportRefused(
                f"reading a MACE model needs mace-torch ({error}); pip install 'mlipkit[mace]', once for the conversion"
            ) from error
    try:
        model = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise ImportRefused(
            f"{path} cannot be unpickled ({type(error).__name__}: {error}); give a .model file of mace-torch, and "
            "install the version that wrote it if its classes have moved since"
        ) from error
    if not isinstance(model, torch.nn.Module):
        raise ImportRefused(
            f"{path} holds a {type(model).__name__}, not a model; give the .model file that mace_run_train wrote"
        )
    return model.eval()


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def _importable() -> Iterator[None]:
    """e3nn 0.4, which mace-torch pins, unpickles constants of its own on import, which torch >= 2.6 refuses by default;
    mace announces on stdout which accelerators are absent."""
    name = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
