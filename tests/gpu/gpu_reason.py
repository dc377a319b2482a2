# SPDX-License-Identifier: MIT
"""Whether tests/gpu can run."""

from __future__ import annotations

import torch


def missing() -> str:
    """Why these tests cannot run, or nothing."""
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} sees no CUDA device"
    import mlipkit.ops  # noqa: F401  (registers the operators)

    return "" if torch.ops.mlip.has_cuda() else "mlipkit was built without CUDA kernels: nvcc was not found"
