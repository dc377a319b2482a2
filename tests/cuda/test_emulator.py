# SPDX-License-Identifier: MIT
"""The emulator sees the mistakes that its header promises to see."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest
from emulated_library import ROOT, EmulatedLibrary, compile_emulated, compiler

FAULTY = ROOT / "tests" / "cuda" / "faulty_kernels.cu"


@pytest.fixture(scope="module")
def faulty() -> EmulatedLibrary:
    library = EmulatedLibrary(compile_emulated([FAULTY], ROOT / "build" / "emulated"))
    library.library.run_kernel.restype = ctypes.c_char_p
    return library


def outcome(faulty: EmulatedLibrary, kernel: str, order: int = 0) -> tuple[str, list[float]]:
    """What the emulator said, and the numbers that are left."""
    numbers = (ctypes.c_float * 64)(*range(64))
    faulty.order(order)
    message = faulty.library.run_kernel(kernel.encode(), numbers).decode()
    faulty.order(0)
    return message, list(numbers)


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        ("barrier_in_a_branch", ["wait for each other", "faulty_kernels.cu", "from thread 40 ended"]),
        ("two_barriers", ["from thread 0 __syncthreads", "from thread 32 __syncthreads"]),
        ("shuffle_in_a_branch", ["from thread 0 a warp's barrier or shuffle", "from thread 16 __syncthreads"]),
        ("shuffle_from_an_ended_lane", ["a lane that takes no part"]),
        ("past_the_end", ["past the end of its shared memory"]),
        ("too_much_shared_memory", ["48 KiB", "50000 bytes"]),
        ("part_of_a_warp", ["32, 64, .. 1024 threads, not 40"]),
    ],
)
def test_mistakes_stop_the_launch(faulty: EmulatedLibrary, kernel: str, words: list[str]) -> None:
    message, _ = outcome(faulty, kernel)
    assert all(word in message for word in words), message


def test_a_launch_after_a_failed_one_is_sound(faulty: EmulatedLibrary) -> None:
    outcome(faulty, "barrier_in_a_branch")
    for order in (0, 1, 5):
        assert outcome(faulty, "reverse", order) == ("", list(range(63, -1, -1)))


def test_a_missing_barrier_shows_in_another_order(faulty: EmulatedLibrary) -> None:
    results = [outcome(faulty, "no_barrier", order) for order in (0, 1)]
    assert [message for message, _ in results] == ["", ""]
    assert str(results[0][1]) != str(results[1][1])  # as words: what was not written is no number


SANITIZED = ["-fsanitize=address", "-O0"]  # compiles three times faster than with -O1


def run_sanitized(code: str, *arguments: str) -> subprocess.CompletedProcess:
    """A Python process with the address sanitizer in it."""
    command = [compiler(), "-print-file-name=libasan.so"]
    runtime = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    environment = {**os.environ, "LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, cwd=ROOT
    )


def test_the_sanitizer_sees_what_lies_outside_of_an_array() -> None:
    library = compile_emulated([FAULTY], ROOT / "build" / "emulated", SANITIZED)
    code = (
        "import ctypes, sys; library = ctypes.CDLL(sys.argv[1]); libc = ctypes.CDLL(None); "
        "libc.malloc.restype = ctypes.c_void_p; "
        "library.run_kernel(sys.argv[2].encode(), ctypes.c_void_p(libc.malloc(ctypes.c_size_t(256)))); print('done')"
    )
    sound = run_sanitized(code, str(library), "reverse")
    assert sound.stdout == "done\n", sound.stderr
    faulty = run_sanitized(code, str(library), "past_the_array")
    assert faulty.returncode != 0
    assert "heap-buffer-overflow" in faulty.stderr
    assert "past_the_array" in faulty.stderr


def test_kernels_stay_within_their_arrays() -> None:
    """Every kernel under the address sanitizer, on odd sizes. It takes a while: torch is loaded into it."""
    library = compile_emulated(ROOT.glob("cuda/*.cu"), ROOT / "build" / "emulated", SANITIZED)
    finished = run_sanitized((Path(__file__).parent / "every_kernel.py").read_text(), str(library))
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "blocks" in finished.stdout
