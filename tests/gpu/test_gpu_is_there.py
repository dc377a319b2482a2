# SPDX-License-Identifier: MIT
"""The reason for which the other tests of this folder are left out, if they are."""

from __future__ import annotations

import pytest
import torch
from gpu_reason import missing


def test_gpu_is_there() -> None:
    reason = missing()
    if reason:
        pytest.skip(f"tests/gpu: {reason}")
    assert torch.zeros(1, device="cuda").item() == 0
