# SPDX-License-Identifier: MIT
"""Memory of the processor that stays with the process between steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def pooled_memory() -> Iterator[None]:
    """Large arrays that torch allocates meanwhile, on any thread, come from the pool that evaluations use too.

    A training step allocates the same arrays as the one before; from the system they come as fresh pages, which cost as
    much as the arithmetic on virtual machines.
    """
    torch.ops.mlip.pool_memory(True)
    try:
        yield
    finally:
        torch.ops.mlip.pool_memory(False)
