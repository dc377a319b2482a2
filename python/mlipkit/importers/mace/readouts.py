# SPDX-License-Identifier: MIT
"""Readouts of one head."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from mlipkit.importers.mace.errors import KEEP, ImportRefused
from mlipkit.importers.mace.part import Part
from mlipkit.importers.mace.products import LINEAR, scalar_linear
from mlipkit.importers.mace.radial import normalised
from mlipkit.nn.mace import MACEConfig

LINEAR_READOUT = "mace.modules.blocks.LinearReadoutBlock"
GATED_READOUT = "mace.modules.blocks.NonLinearReadoutBlock"
ACTIVATION = "e3nn.nn._activation.Activation"


def readout_options(readouts: list[Part], n_layers: int, n_heads: int) -> dict[str, Any]:
    """Options of the configuration that the readouts set."""
    if len(readouts) not in (1, n_layers):
        raise ImportRefused(f"the model has {len(readouts)} readouts for {n_layers} layers; {KEEP}")
    *others, last = readouts
    wrong = [part.path for part in others if part.class_name != "LinearReadoutBlock"]
    if wrong:
        raise ImportRefused(f"{wrong[0]} is not linear, which is converted for the last layer only; {KEEP}")
    options: dict[str, Any] = {"last_readout_only": len(readouts) < n_layers}
    if last.class_name == "LinearReadoutBlock":
        return {**options, "last_readout": "linear"}
    units = scalar_linear(last.child("linear_1", LINEAR)).shape[1]
    options["readout_activation"], _ = _activation(last)
    return {**options, "readout_hidden": units // n_heads if _masked(last) else units}


def readout_weights(readouts: list[Part], head: int, n_heads: int, config: MACEConfig) -> dict[str, Tensor]:
    """Parameters of all readouts."""
    result: dict[str, Tensor] = {}
    for index, part in enumerate(readouts, start=config.n_layers - len(readouts)):
        if part.class_name == "LinearReadoutBlock":
            weights = _linear(part, head)
        else:
            weights = _gated(part, head, n_heads, config.activation_scale)
        result |= {f"readouts.{index}.{name}": value for name, value in weights.items()}
    return result


def _linear(part: Part, head: int) -> dict[str, Tensor]:
    """Parameters of ``EnergyReadout``."""
    matrix = scalar_linear(part.child("linear", LINEAR))
    return {"linear.weight": matrix[:, head : head + 1] * math.sqrt(matrix.shape[0])}


def _masked(part: Part) -> bool:
    """With several heads each has hidden units of its own, and those of the others are masked."""
    return part.attribute("num_heads", 1) > 1


def _gated(part: Part, head: int, n_heads: int, activation_scale: float) -> dict[str, Tensor]:
    """Parameters of ``GatedEnergyReadout``."""
    hidden = scalar_linear(part.child("linear_1", LINEAR))
    out = scalar_linear(part.child("linear_2", LINEAR))[:, head]
    _, constant = _activation(part)
    if _masked(part):
        units = hidden.shape[1] // n_heads
        mine = torch.arange(head * units, (head + 1) * units)
        hidden, out = hidden[:, mine], out[mine]
    part.pass_over("hidden_irreps")
    return {
        "hidden": hidden.unsqueeze(1) * math.sqrt(hidden.shape[0]),
        "out": out.unsqueeze(0) * (math.sqrt(len(out)) * constant / activation_scale),
    }


def _activation(part: Part) -> tuple[str, float]:
    """Name of the activation and the constant in front of it."""
    gate = part.child("non_linearity", ACTIVATION)
    gate.pass_over("irreps_in", "irreps_out")
    acts = gate.child("acts", "torch.nn.modules.container.ModuleList")
    if list(acts.module._modules) != ["0"]:
        raise ImportRefused(f"{part.path} has several kinds of units; only scalars can be converted; {KEEP}")
    if acts.module._modules["0"] is None:
        acts.pass_over("0")
        return "identity", 1.0
    return normalised(acts, "0")
