# SPDX-License-Identifier: MIT
"""Environments with something wrong: copies of this one by links, real ones to Python, LAMMPS and OpenMM."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlipkit

VARIABLES = ("PYTHONPATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "LAMMPS_PLUGIN_PATH", "OPENMM_PLUGIN_DIR")
Found = dict[str, Any]


@dataclass
class Answer:
    """What mlip-doctor said."""

    code: int
    findings: list[Found]

    def of(self, group: str, what: str) -> Found:
        found = [entry for entry in self.findings if (entry["group"], entry["what"]) == (group, what)]
        assert len(found) == 1, json.dumps(self.findings, indent=1)
        return found[0]

    def problem(self, group: str, what: str) -> Found:
        """The finding, which must be a problem; then the exit code must be 1."""
        found = self.of(group, what)
        assert found["status"] == "problem", found
        assert self.code == 1
        return found


@dataclass
class Prefix:
    """A virtual environment of its own."""

    folder: Path

    @property
    def scripts(self) -> Path:
        return self.folder / "bin"

    @property
    def packages(self) -> Path:
        return self.folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)

    @property
    def libraries(self) -> Path:
        return self.packages / "mlipkit" / "lib"

    def doctor(self, *arguments: str | Path, first: Path | None = None, **variables: str) -> Answer:
        """Runs this environment's mlip-doctor, as if activated; ``first`` is a folder before all others in PATH."""
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        others = [part for part in os.defpath.split(os.pathsep) if not (Path(part) / "lmp").exists()]
        folders = [*([str(first)] if first else []), str(self.scripts), *others]
        environment |= {"PATH": os.pathsep.join(folders), "OMP_NUM_THREADS": "1", **variables}
        command = [str(self.scripts / "mlip-doctor"), "--json", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.stdout, done.stderr
        content = json.loads(done.stdout)
        assert content["well"] == (done.returncode == 0)
        return Answer(done.returncode, content["findings"])


def copy_of_this(folder: Path, without: Sequence[str] = ()) -> Prefix:
    """This environment, without the packages and programs whose names begin with one of ``without``.

    mlipkit's compiled libraries are copied, so that they find torch and OpenMM of the copy and may be damaged.
    """
    prefix = Prefix(folder)
    prefix.packages.mkdir(parents=True)
    prefix.scripts.mkdir()
    real = Path(sys.prefix)
    shutil.copy(real / "pyvenv.cfg", folder)
    for entry in (real / "lib").iterdir():
        if not (folder / "lib" / entry.name).exists():
            (folder / "lib" / entry.name).symlink_to(entry)
    omitted = tuple(name.lower() for name in (*without, "mlipkit", "_editable"))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        metadata = entry.name.startswith("mlipkit-")
        if metadata or not entry.name.lower().startswith(omitted):
            (prefix.packages / entry.name).symlink_to(entry)
    _programs(real / "bin", prefix.scripts, without)
    _mlipkit(prefix.packages / "mlipkit")
    return prefix


def _programs(real: Path, target: Path, without: Sequence[str]) -> None:
    for entry in real.iterdir():
        if entry.name.startswith("python"):
            (target / entry.name).symlink_to(entry.resolve())
            continue
        missing = "lammps" in without and entry.name == "lmp"
        if missing or not entry.is_file():
            continue
        start = entry.read_bytes()[:2]
        if start == b"#!":
            text = entry.read_text().replace(str(real / "python"), str(target / "python"))
            (target / entry.name).write_text(text)
            (target / entry.name).chmod(0o755)
        else:
            (target / entry.name).symlink_to(entry)


def _mlipkit(target: Path) -> None:
    target.mkdir()
    for root in mlipkit.__path__:
        for entry in Path(root).iterdir():
            if entry.name == "lib":
                shutil.copytree(entry, target / "lib")
            elif entry.suffix == ".so":
                shutil.copy(entry, target)
            elif not (target / entry.name).exists() and entry.name != "__pycache__":
                (target / entry.name).symlink_to(entry)


def replace_torch(prefix: Prefix, version: str) -> None:
    """The copy's torch says that it is another version, to Python's metadata, to imports and to the engine."""
    torch = prefix.packages / "torch"
    real = torch.resolve()
    torch.unlink()
    torch.mkdir()
    for entry in real.iterdir():
        if entry.name not in {"version.py", "__pycache__"}:
            (torch / entry.name).symlink_to(entry)
    text = (real / "version.py").read_text().splitlines()
    lines = [f"__version__ = '{version}'" if line.startswith("__version__ =") else line for line in text]
    (torch / "version.py").write_text("\n".join(lines) + "\n")
    for entry in prefix.packages.glob("torch-*.dist-info"):
        entry.unlink()
    metadata = prefix.packages / f"torch-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
