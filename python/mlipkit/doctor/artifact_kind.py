# SPDX-License-Identifier: MIT
"""What a file that should be an artifact really is, found without torch and without trusting it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

GIVE = "give the file that mlip-export wrote"


def complaint(path: Path) -> tuple[str, str] | None:
    """Why a file is no artifact, and what to do; None for one that looks like an artifact from outside."""
    if path.is_dir():
        return "is a folder", f"{GIVE}, such as {path / 'model.pt'}"
    if not path.exists():
        return "does not exist", f"check the name; {GIVE}"
    try:
        with path.open("rb") as stream:
            start = stream.read(512)
    except OSError as error:
        return f"cannot be read ({error.strerror})", "make it readable (chmod a+r) or copy it again"
    if not start:
        return "is empty", "copy it again, or export the checkpoint again"
    if not start.startswith(b"PK"):
        return _not_zip(start)
    try:
        with zipfile.ZipFile(path) as archive:
            return _archive(path, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        return f"is truncated or damaged ({error})", "copy it again (compare the sizes), or export the checkpoint again"


def _not_zip(start: bytes) -> tuple[str, str]:
    if b"\x00" in start:
        return "is a binary file of another kind, not an artifact", f"{GIVE}; a checkpoint must be exported first"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself", "fetch the file: git lfs pull"
    first = start.decode(errors="replace").splitlines()[0][:40]
    return f"is a text file (it begins with {first!r}), not an artifact", GIVE


def _archive(path: Path, archive: zipfile.ZipFile) -> tuple[str, str] | None:
    names = {name.split("/", 1)[-1]: name for name in archive.namelist()}
    if "extra/mlip.json" in names:
        damaged = archive.testzip()
        if damaged is not None:
            return f"is damaged in its part {damaged}", "copy it again, or export the checkpoint again"
        return None
    if "extra/torchforce.json" in names:
        remedy = "give the artifact, which mlip-export writes from the same checkpoint without --format torchforce"
        return "is a file for OpenMM's TorchForce, made for one list of atoms, not an artifact", remedy
    if "data.pkl" in names and b"mlipkit-checkpoint" in archive.read(names["data.pkl"]):
        target = path.with_suffix(".pt") if path.suffix != ".pt" else path.with_name(f"{path.stem}-exported.pt")
        return "is a checkpoint of mlip-train, not an artifact", f"freeze it: mlip-export {path} -o {target}"
    if any(name.startswith("code/") for name in names):
        return "is a TorchScript file of another program, without mlip.json", GIVE
    if "data.pkl" in names:
        return "is a torch file of another program (weights or a pickled model), not an artifact", GIVE
    return "is a zip archive without mlip.json, not an artifact", GIVE
