# SPDX-License-Identifier: MIT
"""The CUDA kernels, run by an emulator on the processor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from emulated_library import EmulatedLibrary, kernel_library

import mlipkit.ops  # noqa: F401  (registers the operators)


@pytest.fixture(scope="session")
def emulated_library() -> EmulatedLibrary:
    return EmulatedLibrary(kernel_library())


@pytest.fixture
def emulator(emulated_library: EmulatedLibrary) -> Iterator[EmulatedLibrary]:
    """Operators run the CUDA kernels during the test; there must be some that do."""
    before = emulated_library.blocks()
    torch.ops.mlip.emulate_cuda(str(emulated_library.path))
    yield emulated_library
    torch.ops.mlip.emulate_cuda("")
    emulated_library.order(0)
    assert emulated_library.blocks() > before, "no kernel was run"
