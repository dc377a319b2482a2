# SPDX-License-Identifier: MIT
"""An artifact on a CPU makes the process keep what it frees, unless the user has said how memory is to be handled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
import numpy as np
from mlipkit.interfaces.engine import Engine

def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) // 1024

def kept():
    before = resident()
    np.ones(8_000_000)  # 61 MiB, given back at once
    return resident() - before

before = kept()
engine = Engine(sys.argv[1], task="pbe")
print(before, kept())
"""


@pytest.mark.parametrize("variable", [None, "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_freed_memory_stays(toy_artifact: Path, variable: str | None) -> None:
    values = {"MALLOC_TRIM_THRESHOLD_": "131072", "GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    if variable is not None:
        environment[variable] = values[variable]
    command = [sys.executable, "-c", PROGRAM, str(toy_artifact)]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    before, after = map(int, output.split())
    assert before < 30
    assert after > 30 if variable is None else after < 30
