# SPDX-License-Identifier: MIT
"""Worker processes of the benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
CHATTY = "from common.workers import serve\nserve({}, {'much': list(range(100_000))})\n"
USER = """
import sys
from pathlib import Path
from common.workers import Worker
with Worker(Path(sys.argv[1]), []) as worker:
    raise RuntimeError("another program failed")
"""


def test_a_worker_that_nobody_listens_to_ends_with_the_benchmark(tmp_path: Path) -> None:
    (tmp_path / "chatty.py").write_text(CHATTY)
    command = [sys.executable, "-c", USER, str(tmp_path / "chatty.py")]
    try:
        done = subprocess.run(
            command, env={"PYTHONPATH": str(BENCHMARKS)}, timeout=60, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.fail("the benchmark waits for its worker for ever")
    assert "another program failed" in done.stderr
