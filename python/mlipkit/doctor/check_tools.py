# SPDX-License-Identifier: MIT
"""Compilers: needed to build mlipkit, not to use it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings
from mlipkit.doctor.process import run


def check_tools(environment: Environment) -> Iterator[Finding]:
    """C++ compiler (a warning where there is none) and CUDA toolkit (information)."""
    findings = Findings("tools")
    wanted = environment.variables.get("CXX", "").split()[:1]
    for name in [*wanted, "c++", "g++", "clang++"]:
        path = environment.on_path(name)
        if path is not None:
            outcome = run([path, "--version"], environment.variables, 20.0)
            lines = outcome.output.splitlines()
            if outcome.good and lines:
                yield findings.ok("C++ compiler", lines[0].strip(), path)
                break
    else:
        remedy = "only needed to build mlipkit: install g++ >= 10 (apt install g++) or name one in CXX"
        yield findings.warning("C++ compiler", "none found", remedy)
    yield _cuda_toolkit(environment, findings)


def _cuda_toolkit(environment: Environment, findings: Findings) -> Finding:
    nvcc = environment.on_path("nvcc")
    if nvcc is None:
        return findings.ok("CUDA toolkit", "no nvcc; only needed to build for GPUs")
    outcome = run([nvcc, "--version"], environment.variables, 20.0)
    release = re.search(r"release ([\d.]+)", outcome.output)
    return findings.ok("CUDA toolkit", f"nvcc {release.group(1)}" if release else outcome.why(), nvcc)
