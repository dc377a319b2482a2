# SPDX-License-Identifier: MIT
"""Compiles the CUDA kernels for the processor, with the emulator of tests/cuda/emulator."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
EMULATOR = ROOT / "tests" / "cuda" / "emulator"
FLAGS = ["-std=c++20", "-O1", "-fPIC", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Werror", "-fvisibility=hidden"]
FLAGS += ["-DMLIP_EMULATE_CUDA", f"-I{EMULATOR}", f"-I{ROOT}", f"-I{ROOT / 'csrc'}"]


class EmulatedLibrary:
    """A compiled library of kernels, and what the emulator offers to tests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.library = ctypes.CDLL(str(path))
        self.library.mlip_emulator_order.argtypes = [ctypes.c_int64]
        self.library.mlip_emulator_blocks.restype = ctypes.c_int64

    def order(self, order: int) -> None:
        """Order of the threads of a block: 0 ascending, 1 descending, others random by this seed."""
        self.library.mlip_emulator_order(order)

    def blocks(self) -> int:
        """How many blocks have run."""
        return int(self.library.mlip_emulator_blocks())


def compile_emulated(sources: Iterable[Path], folder: Path, extra: Iterable[str] = ()) -> Path:
    """The shared library of these kernel files and the emulator; compiled anew only when something has changed."""
    flags = [*FLAGS, *extra]
    units = [*sorted(sources), EMULATOR / "cuda_emulator.cpp"]
    headers = [*ROOT.glob("cuda/*.h"), *ROOT.glob("csrc/ops/*.h"), *EMULATOR.glob("*.h")]
    headers += [ROOT / "csrc" / "core" / "edge_terms.h", ROOT / "csrc" / "neighbours" / "cell_view.h"]
    digest = hashlib.sha256(" ".join(flags).encode())
    for path in [*units, *sorted(headers)]:
        digest.update(path.read_bytes())
    home = folder / digest.hexdigest()[:16]
    library = home / "libmlip_emulated.so"
    if library.exists():
        return library
    home.mkdir(parents=True, exist_ok=True)

    def compiled(source: Path) -> Path:
        target = home / f"{source.stem}-{os.getpid()}.o"
        run([compiler(), *flags, "-x", "c++", "-c", str(source), "-o", str(target)])
        return target

    with ThreadPoolExecutor(2) as threads:
        objects = list(threads.map(compiled, units))
    unfinished = home / f"unfinished-{os.getpid()}.so"
    run([compiler(), *flags, "-shared", *map(str, objects), "-o", str(unfinished)])
    for path in objects:
        path.unlink()
    unfinished.rename(library)  # at once: other processes see all of it or nothing
    return library


def compiler() -> str:
    return os.environ.get("CXX", "c++")


def run(command: list[str]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, f"{' '.join(command)}\n{finished.stderr}"


def kernel_library(folder: Path = ROOT / "build" / "emulated", extra: Iterable[str] = ()) -> Path:
    """All kernels of the folder cuda."""
    return compile_emulated(ROOT.glob("cuda/*.cu"), folder, extra)
