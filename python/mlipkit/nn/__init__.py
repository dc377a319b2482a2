# SPDX-License-Identifier: MIT
"""Models. Importing this package registers every architecture."""

from mlipkit.nn.evaluate import Prediction, evaluate
from mlipkit.nn.mace import MACE, MACEConfig
from mlipkit.nn.registry import (
    Architecture,
    ArchitectureConfig,
    OutputSpec,
    architectures,
    build_model,
    config_class,
    register,
)

__all__ = [
    "MACE",
    "Architecture",
    "ArchitectureConfig",
    "MACEConfig",
    "OutputSpec",
    "Prediction",
    "architectures",
    "build_model",
    "config_class",
    "evaluate",
    "register",
]
