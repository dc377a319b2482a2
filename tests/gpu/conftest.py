# SPDX-License-Identifier: MIT
"""What needs a GPU; skipped as a whole where there is none. On one, run by scripts/gpu_check.sh."""

from __future__ import annotations

import pytest
import torch


def missing() -> str:
    """Why these tests cannot run, or nothing."""
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} sees no CUDA device"
    import mlipkit.ops  # noqa: F401  (registers the operators)

    return "" if torch.ops.mlip.has_cuda() else "mlipkit was built without CUDA kernels: nvcc was not found"


@pytest.fixture(scope="session", autouse=True)
def gpu() -> torch.device:
    reason = missing()
    if reason:
        pytest.skip(reason)
    return torch.device("cuda")
