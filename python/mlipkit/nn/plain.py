# SPDX-License-Identifier: MIT
"""Models without the library of operators: every operator by its definition in plain PyTorch."""

from __future__ import annotations

from typing import ClassVar

from torch import nn


class UsesOperators(nn.Module):
    """Base of modules that call ``torch.ops.mlip``.

    ``plain`` is a constant of TorchScript: a module for which it is true when it is compiled holds no operator of the
    library, and runs where the library is not loaded.
    """

    __constants__: ClassVar[list[str]] = ["plain"]
    plain: bool = False


def make_plain(model: nn.Module) -> None:
    """Has a model, and all its parts, use plain definitions alone. Slower, and without radial tables."""
    for module in model.modules():
        if isinstance(module, UsesOperators):
            module.plain = True
