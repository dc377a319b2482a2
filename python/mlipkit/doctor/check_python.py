# SPDX-License-Identifier: MIT
"""The interpreter and the packages that every part of mlipkit needs."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings


def check_python(environment: Environment) -> Iterator[Finding]:
    """Version and platform; required packages that are not there."""
    findings = Findings("python")
    libc = " ".join(part for part in platform.libc_ver() if part)
    machine = f"{platform.system()} {platform.release()} {platform.machine()}, {libc}"
    yield findings.ok("interpreter", f"Python {platform.python_version()}, {machine}", environment.python)
    required = environment.required()
    if not required:
        remedy = environment.reinstall()
        yield findings.problem("packages", "mlipkit's own metadata is not found on the search path", remedy)
        return
    missing = [name for name in required if environment.package(name) is None]
    for name in missing:
        remedy = environment.pip(environment.requirement(name))
        yield findings.problem(name, "not installed, but mlipkit needs it", remedy)
    if not missing:
        yield findings.ok("packages", f"all {len(required)} required packages are installed")
