# SPDX-License-Identifier: MIT
"""Runs each benchmark once per session, with ``--quick``, in one folder of models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_scripts import BENCHMARKS


@pytest.fixture(scope="session")
def bench_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="session")
def quick(bench_folder: Path) -> Callable[[str], dict[str, Any]]:
    """The JSON line that a benchmark prints, by its name; measured once."""
    known: dict[str, dict[str, Any]] = {}

    def run(name: str) -> dict[str, Any]:
        if name not in known:
            command = [sys.executable, str(BENCHMARKS / name / "run.py"), "--quick", "-o", str(bench_folder)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=300, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
            first, _, table = done.stdout.partition("\n")
            known[name] = json.loads(first)
            assert known[name]["table"]["title"].split()[0] in table
        return known[name]

    return run
