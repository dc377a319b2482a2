# SPDX-License-Identifier: MIT
"""The machine that a number belongs to, and what it can do at most: matrix products, copies, fresh pages.

python benchmarks/common/machine.py
"""

from __future__ import annotations

import json
import mmap
import os
import platform
import re
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

COPIES = {"l2": 384 << 10, "l3": 4 << 20, "memory": 256 << 20}  # bytes of each of the two arrays
VECTORS = ("avx2", "fma", "avx512f", "neon", "sve")


def processor() -> str:
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def caches() -> dict[str, str]:
    """Size of each cache that the first core sees, as the kernel states it."""
    found = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level, size = ((folder / name).read_text().strip() for name in ("type", "level", "size"))
        if kind != "Instruction":
            found[f"L{level}"] = size
    return found


def _best(work: Callable[[], object], seconds: float = 0.15) -> float:
    """Shortest CPU time of one call, on one thread."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def matrix_gflops(dtype: str, size: int = 1024) -> float:
    """Best rate of torch's product of two square matrices, ``float32`` or ``float64``, on one core."""
    import torch  # here, because it is slow to import

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    a, b, out = (torch.rand(size, size, dtype=getattr(torch, dtype)) for _ in range(3))
    best = _best(lambda: torch.mm(a, b, out=out), 0.5)
    torch.set_num_threads(before)
    return 2e-9 * size**3 / best


def copy_gbytes() -> dict[str, float]:
    """Bytes read plus bytes written per second by a copy on one core, for arrays that fit each level, 1e9/s."""
    found = {}
    for level, size in COPIES.items():
        a, b = np.ones(size, dtype=np.uint8), np.ones(size, dtype=np.uint8)
        repeats = max(1, (8 << 20) // size)

        def copies(a: np.ndarray = a, b: np.ndarray = b, repeats: int = repeats) -> None:
            for _ in range(repeats):
                np.copyto(b, a)

        found[level] = 2e-9 * size * repeats / _best(copies)
    return found


def fresh_page_gbytes(size: int = 64 << 20) -> float:
    """Bytes per second of memory that the system hands out for the first time, 1e9/s."""

    def touch() -> None:
        pages = mmap.mmap(-1, size)
        view = np.frombuffer(pages, dtype=np.uint8)
        view[:: mmap.PAGESIZE] = 1
        del view
        pages.close()

    return 1e-9 * size / _best(touch)


def describe(rates: bool = True) -> dict[str, Any]:
    """Names, versions and load; with ``rates`` also measured peaks (two seconds)."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    found: dict[str, Any] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "vectors": [name for name in VECTORS if re.search(rf"\b{name}\b", flags)],
        "caches": caches(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "mlipkit": version("mlipkit"),
        "load_before": round(os.getloadavg()[0], 2),
    }
    if rates:
        found["sgemm_gflops"] = matrix_gflops("float32")
        found["dgemm_gflops"] = matrix_gflops("float64")
        found["copy_gbytes"] = copy_gbytes()
        found["fresh_page_gbytes"] = fresh_page_gbytes()
    return found


if __name__ == "__main__":
    print(json.dumps(describe(), indent=2))
