# SPDX-License-Identifier: MIT
"""scripts/gpu_check.sh stops with one message where it cannot work. On a GPU machine it is run by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from emulated_library import ROOT


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", str(ROOT / "scripts" / "gpu_check.sh"), str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_without_a_gpu_it_says_so(tmp_path: Path) -> None:
    finished = run(tmp_path, PYTHON=sys.executable, CUDA_VISIBLE_DEVICES="")
    assert finished.returncode == 1
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert line.startswith("gpu_check: torch ")
    assert "sees no CUDA device" in line


def test_a_python_without_torch_is_told(tmp_path: Path) -> None:
    """An isolated Python that sees the standard library alone."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    python.chmod(0o755)
    finished = run(tmp_path / "work", PYTHON=str(python))
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert "this Python has no torch; set PYTHON" in line


def test_its_benchmark_runs(tmp_path: Path) -> None:
    """On the processor, on tiny structures: names of operators and models, not numbers."""
    script = ROOT / "benchmarks" / "gpu" / "run.py"
    options = ["--device", "cpu", "--quick", "--output", str(tmp_path), "--json", str(tmp_path / "found.json")]
    subprocess.run([sys.executable, str(script), *options], check=True, capture_output=True)
    found = json.loads((tmp_path / "found.json").read_text())
    names = {(row["operator"], row["pass"]) for row in found["operators"]}
    assert {("convolution_table, l_in 1", "backward"), ("species_density", "forward")} <= names
    assert all(row["us"] > 0 for row in found["operators"])
    assert [row["atoms"] for row in found["models"]] == [192]
