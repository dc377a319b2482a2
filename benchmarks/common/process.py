# SPDX-License-Identifier: MIT
"""Work in processes of its own: scripts that hand back JSON, their environment, and what memory they took."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "9999999999"}  # glibc returns nothing to the system
BENCHMARKS = Path(__file__).resolve().parents[1]


@cache
def code_digest() -> str:
    """Tells builds of mlipkit apart: over the sources of the package and its compiled libraries."""
    import mlipkit
    from mlipkit._libraries import library_folder

    files = [path for folder in mlipkit.__path__ for path in Path(folder).rglob("*.py")]
    digest = hashlib.sha256()
    for path in sorted({*files, *library_folder().glob("*.so")}):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def environment(threads: int = 1, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of this process, with a number of threads; scripts find ``common``."""
    given = {name: value for name, value in os.environ.items() if name not in KEEP_MEMORY}
    folders = [str(BENCHMARKS), *filter(None, [os.environ.get("PYTHONPATH")])]
    count = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
    return {**given, **count, "PATH": path, "PYTHONPATH": ":".join(folders), **(more or {})}


def script(
    path: Path,
    arguments: Sequence[str],
    threads: int = 1,
    more: Mapping[str, str] | None = None,
    launcher: Sequence[str] = (),
    folder: Path | None = None,
) -> Any:
    """Runs a Python script and returns what it handed to :func:`answer`; None where it did not.

    Raises:
        RuntimeError: it failed; the message holds the end of what it printed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch) / "answer.json"
        setting = environment(threads, {**(more or {}), "BENCHMARK_ANSWER": str(found)})
        command = [*launcher, sys.executable, str(path), *arguments]
        done = subprocess.run(
            command, env=setting, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed with exit code {done.returncode}:\n{done.stdout[-3000:]}")
        return json.loads(found.read_text()) if found.is_file() else None


def answer(value: object) -> None:
    """Hands a result to the process that called :func:`script`, or prints it."""
    if path := os.environ.get("BENCHMARK_ANSWER"):
        Path(path).write_text(json.dumps(value))
    else:
        print(json.dumps(value, indent=2))


def memory_mib(peak: bool = False) -> float:
    """Resident memory of this process now, or the most it ever was."""
    name = "VmHWM" if peak else "VmRSS"
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, "needs /proc/self/status of Linux"
    return int(found.group(1)) / 1024


def reset_peak() -> None:
    """Lets the peak of :func:`memory_mib` start again from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")
