# SPDX-License-Identifier: MIT
"""mlipkit: machine-learned interatomic potentials from training data to production molecular dynamics.

This module stays light (no torch): the LAMMPS launcher imports the package at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["MLIPCalculator", "__version__"]

if TYPE_CHECKING:
    from mlipkit.interfaces.ase import MLIPCalculator


def __getattr__(name: str) -> Any:
    if name == "MLIPCalculator":
        from mlipkit.interfaces.ase import MLIPCalculator

        return MLIPCalculator
    raise AttributeError(f"module 'mlipkit' has no attribute {name!r}")
