# SPDX-License-Identifier: MIT
"""Evaluating models on test structures in any precision, and comparing the results."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from brute_force import Array, System, batch

from mlipkit.nn import Prediction, evaluate
from tolerances import TOLERANCES

Model = Any  # an nn.Module that fulfils mlipkit.nn.registry.Architecture
PRECISIONS = {
    "double": (torch.float64, torch.float64),
    "mixed": (torch.float32, torch.float64),
    "single": (torch.float32, torch.float32),
}


def defaults(model: Model) -> dict[str, float]:
    """A value inside the range of each condition."""
    return {name: float(low) for name, (low, _) in model.config.condition_ranges.items()}


def predict(model: Model, *systems: System, precision: str = "double") -> Prediction:
    """Evaluates a float64 model in a precision, with the settings of its first structure's conditions."""
    parameters, geometry = PRECISIONS[precision]
    if parameters != torch.float64:
        model = copy.deepcopy(model).to(parameters)
    return evaluate(model, batch(systems, model.config.cutoff, geometry), training=False)


def energy(model: Model, system: System) -> float:
    return float(predict(model, system).energy[0])


def assert_same(found: Prediction, wanted: Prediction, precision: str = "double") -> None:
    """Energies, forces, virials and outputs of two evaluations of the same atoms in the same order."""
    allowed = TOLERANCES[precision]
    torch.testing.assert_close(found.energies, wanted.energies, atol=allowed.energy, rtol=0)
    torch.testing.assert_close(found.forces, wanted.forces, atol=allowed.force, rtol=0)
    torch.testing.assert_close(found.virial, wanted.virial, atol=allowed.virial, rtol=0)
    assert found.outputs.keys() == wanted.outputs.keys()
    for name, value in wanted.outputs.items():
        torch.testing.assert_close(found.outputs[name].double(), value.double(), atol=10 * allowed.energy, rtol=0)


def voigt_matrix(components: torch.Tensor) -> Array:
    xx, yy, zz, xy, xz, yz = components.tolist()
    return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
