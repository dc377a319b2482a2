# SPDX-License-Identifier: MIT
"""What kind of file a user gave in place of a pickled model, found out without unpickling it."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from mlipkit.checkpoint import ARTIFACT_MARK, FORMAT

PICKLE = b"\x80"  # first byte of a pickle, and so of what torch wrote before version 1.6
GIVE = "give the .model file that mace_run_train wrote at its end"


class NotAModelFile(ValueError):
    """The file holds no pickled model; the message says what it is and what to give."""


def check_pickled_model(path: str | Path) -> None:
    """Nothing in the file is run; whether the pickle holds a model shows only when it is loaded.

    Raises:
        NotAModelFile: absent, a folder, another kind of file, weights without a model, or a compiled model.
    """
    path = Path(path)
    if not path.is_file():
        raise NotAModelFile(f"{path} " + ("is a folder" if path.is_dir() else "does not exist") + f"; {GIVE}")
    members = _members(path)
    if members is None:
        with open(path, "rb") as stream:
            start = stream.read(1)
        if start != PICKLE:
            raise NotAModelFile(f"{path} is no file that torch wrote: another kind of file, or damaged; {GIVE}")
        return
    if ARTIFACT_MARK in members:
        raise NotAModelFile(f"{path} is an artifact of mlip-export already: it runs in LAMMPS, OpenMM and ASE as it is")
    if "constants.pkl" in members:
        raise NotAModelFile(
            f"{path} is a compiled TorchScript model, such as mace_run_train and mace_create_lammps_model write beside "
            f"the model (_compiled.model, -lammps.pt): its parts cannot be told apart any more; {GIVE}"
        )
    if "data.pkl" not in members:
        raise NotAModelFile(f"{path} is a zip archive, but none that torch wrote; {GIVE}")
    _refuse_plain_data(path)


def _members(path: Path) -> set[str] | None:
    """Names in a zip archive, without its folder; None for other files and for archives that were cut off."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.split("/", 1)[-1] for name in archive.namelist()}
    except zipfile.BadZipFile:
        return None


def _refuse_plain_data(path: Path) -> None:
    """Raises where the file holds numbers and texts alone, which are read without running anything."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # objects of some package: what is wanted
        return
    except Exception as error:
        raise NotAModelFile(f"{path} cannot be read: damaged ({type(error).__name__}); take another copy") from error
    if isinstance(content, dict) and content.get("format") == FORMAT:
        raise NotAModelFile(f"{path} is a checkpoint of mlipkit: give it without --from-mace")
    raise NotAModelFile(
        f"{path} holds weights without the model that they belong to (a state dict, or a checkpoint of mace_run_train "
        f"to go on from); {GIVE}, or what torch.save(model, ...) writes"
    )
