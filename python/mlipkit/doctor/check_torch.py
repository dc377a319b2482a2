# SPDX-License-Identifier: MIT
"""torch: the version that libmlip_torch was built for, one copy of it, and what devices it sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings
from mlipkit.doctor.process import ERROR, ask, run

SECONDS = 120.0


def check_torch(environment: Environment) -> Iterator[Finding]:
    """Installed and built-for version, import, path, threads, CUDA."""
    findings = Findings("torch")
    wanted = environment.requirement("torch")
    package = environment.package("torch")
    if package is None:
        yield findings.problem("version", "torch is not installed", environment.pip(wanted))
        return
    yield _version(environment, findings, package.version, environment.module_folder("torch"))
    facts = ask(environment, "torch_facts", SECONDS, OMP_WAIT_POLICY="passive")
    if ERROR in facts:
        remedy = f"install torch again: {environment.pip('--force-reinstall', wanted)}"
        yield findings.problem("import", f"torch {package.version}: {facts[ERROR]}", remedy, facts.get("path"))
        return
    yield _imported(environment, findings, facts, package.version)
    yield _cuda(environment, findings, facts)


def minor(version: str) -> str:
    """``2.13.0+cpu`` -> ``2.13``: the part on which the C++ interface depends."""
    return ".".join(re.split(r"[.+]", version)[:2])


def _version(environment: Environment, findings: Findings, installed: str, folder: Path | None) -> Finding:
    record = environment.build_record()
    built = record.get("torch") if record else None
    if built is None:
        return findings.warning("version", f"{installed}; what mlipkit was built for is not recorded",
                                environment.reinstall(), folder)  # fmt: skip
    if minor(installed) != minor(built):
        found = f"torch {installed} is installed, but libmlip_torch was built for torch {built}"
        remedy = f"{environment.pip(f'torch=={minor(built)}.*')}; or build for the torch you have: "
        return findings.problem("version", found, remedy + environment.reinstall(), folder)
    return findings.ok("version", f"{installed}, libmlip_torch was built for {built}", folder)


def _imported(environment: Environment, findings: Findings, facts: dict[str, Any], installed: str) -> Finding:
    """The imported torch is the one beside mlipkit, which the engine loads; two in one process do not go together."""
    folder = Path(facts["path"]).parent
    if not facts["works"]:
        remedy = f"install it again: {environment.pip('--force-reinstall', environment.requirement('torch'))}"
        return findings.problem("import", "a product of two matrices is wrong", remedy, folder)
    if facts["version"] != installed:
        found = f"metadata says {installed}, the package that is imported says {facts['version']}"
        remedy = f"remove leftovers: {environment.python} -m pip uninstall torch (until none is left), then "
        return findings.problem("import", found, remedy + environment.pip(environment.requirement("torch")), folder)
    if environment.libraries is not None:
        beside = environment.libraries.parent.parent / "torch"
        if beside.is_dir() and beside.resolve() != folder.resolve():
            found = f"Python imports another torch than the one beside mlipkit ({beside}), which the engine uses"
            remedy = "unset PYTHONPATH, and uninstall one of the two"
            return findings.problem("import", found, remedy, folder)
    return findings.ok("import", f"works, threads: {facts['threads']}", folder)


def _cuda(environment: Environment, findings: Findings, facts: dict[str, Any]) -> Finding:
    driver = nvidia_driver(environment)
    if facts["devices"]:
        names = ", ".join(facts["devices"])
        return findings.ok("CUDA", f"{names}; torch for CUDA {facts['cuda_build']}, driver {driver or 'unknown'}")
    if driver is None:
        kind = f"for CUDA {facts['cuda_build']}" if facts["cuda_build"] else "for CPU alone"
        return findings.ok("CUDA", f"no GPU driver found, torch is built {kind}; models run on the CPU")
    if facts["cuda_build"] is None:
        version = minor(facts["version"])
        remedy = f"to use the GPU, install torch {version} for CUDA from pytorch.org, then build again: "
        found = f"driver {driver} is there, but this torch is built for CPU alone"
        return findings.warning("CUDA", found, remedy + environment.reinstall())
    found = f"torch for CUDA {facts['cuda_build']} sees no GPU with driver {driver}"
    visible = environment.variables.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return findings.warning("CUDA", f"{found}; CUDA_VISIBLE_DEVICES={visible!r}", "unset CUDA_VISIBLE_DEVICES")
    return findings.warning("CUDA", found, "install a driver that serves this CUDA version, or torch for an older one")


def nvidia_driver(environment: Environment) -> str | None:
    """Version of the NVIDIA driver; None where there is none."""
    program = environment.on_path("nvidia-smi")
    if program is None:
        return None
    query: list[str | Path] = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    outcome = run(query, environment.variables, 20.0)
    return outcome.output.split()[0] if outcome.good and outcome.output.split() else None
