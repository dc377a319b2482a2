# SPDX-License-Identifier: MIT
"""Every instruction set that this processor has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import mlipkit.ops  # noqa: F401  (registers the operators)


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instruction_set(request: pytest.FixtureRequest) -> Iterator[str]:
    before = torch.ops.mlip.instruction_set()
    if not torch.ops.mlip.use_instruction_set(request.param):
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    torch.ops.mlip.use_instruction_set(before)
