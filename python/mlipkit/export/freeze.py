# SPDX-License-Identifier: MIT
"""Checkpoint to TorchScript module, and back from bytes. Nothing is folded or optimised: the engine casts it later."""

from __future__ import annotations

import io

import torch

import mlipkit.ops  # noqa: F401  (registers the operators that the module calls)
from mlipkit.checkpoint import Checkpoint

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def freeze(checkpoint: Checkpoint) -> torch.jit.ScriptModule:
    """The module of a checkpoint: parameters in the training dtype, constants in float64, no gradients of parameters.

    Casting is exact: the float64 model holds parameters that were widened from the training dtype.
    """
    model = checkpoint.build()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        parameter.data = parameter.data.to(DTYPES[checkpoint.dtype])
    return torch.jit.script(model.eval())


def serialise(module: torch.jit.ScriptModule, extra_files: dict[str, str]) -> bytes:
    """The archive with its extra files."""
    buffer = io.BytesIO()
    torch.jit.save(module, buffer, _extra_files=extra_files)
    return buffer.getvalue()


def deserialise(content: bytes) -> torch.jit.ScriptModule:
    return torch.jit.load(io.BytesIO(content), map_location="cpu")
