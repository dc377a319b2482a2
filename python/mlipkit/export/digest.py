# SPDX-License-Identifier: MIT
"""The checksum ``mlip.sha256`` of an artifact: over manifest, probe and every tensor of the module.

It catches damage and careless edits; it is no signature. The engine computes the same in C++.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def named_tensors(module: torch.nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers (persistent or not) under their qualified names."""
    tensors: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    tensors.update(module.named_buffers(remove_duplicate=False))
    return tensors


def artifact_digest(manifest: str, probe: str, module: torch.nn.Module) -> str:
    """SHA-256, hexadecimal, as ``docs/artifact.md`` defines it.

    Args:
        manifest: text of ``mlip.json``.
        probe: text of ``probe.json``.
        module: the scripted module as stored.
    """
    digest = hashlib.sha256()
    digest.update(manifest.encode())
    digest.update(probe.encode())
    for name, tensor in sorted(named_tensors(module).items(), key=lambda entry: entry[0].encode()):
        dtype = str(tensor.dtype).removeprefix("torch.")
        shape = ",".join(str(size) for size in tensor.shape)
        digest.update(f"{name}|{dtype}|{shape}|".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
