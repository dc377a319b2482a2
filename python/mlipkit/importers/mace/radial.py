# SPDX-License-Identifier: MIT
"""Radial basis, cutoff and networks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mlipkit.importers.mace.errors import KEEP, ImportRefused
from mlipkit.importers.mace.part import Part
from mlipkit.nn.radial import SILU_SCALE

RADIAL_EMBEDDING = "mace.modules.blocks.RadialEmbeddingBlock"
BESSEL = "mace.modules.radial.BesselBasis"
CUTOFF = "mace.modules.radial.PolynomialCutoff"
NETWORK = "e3nn.nn._fc.FullyConnectedNet"
LAYER = "e3nn.nn._fc._Layer"
NORMALISED = "e3nn.math._normalize_activation.normalize2mom"


@dataclass(frozen=True)
class Radial:
    """Options of ``RadialConfig`` that the embedding sets, and the factor of its functions on ours."""

    options: dict[str, Any]
    factor: float


def radial_embedding(part: Part, cutoff: float) -> Radial:
    """Basis functions and cutoff."""
    order = _cutoff(part.child("cutoff_fn", CUTOFF), cutoff)
    part.pass_over("out_dim")
    basis = part.child("bessel_fn", BESSEL)
    nodes = basis.tensor("bessel_weights")
    basis.pass_over("r_max")
    options = {"basis": "bessel", "n_basis": len(nodes), "cutoff_order": order}
    factor = basis.number("prefactor") / math.sqrt(2.0 / cutoff)
    if not part.attribute("apply_cutoff", True):
        raise ImportRefused("apply_cutoff")
    return Radial(options, factor)


def _cutoff(part: Part, cutoff: float) -> int:
    """p of the polynomial; its radius must be the model's."""
    if part.number("r_max") != cutoff:
        raise ImportRefused(f"{part.path} ends at {part.number('r_max')} angstrom, the model at {cutoff}; {KEEP}")
    return int(part.number("p"))


def radial_network(part: Part, activation_scale: float, input_factor: float) -> list[Tensor]:
    """Weights of ``RadialNetwork`` with that activation scale, for basis functions ``input_factor`` times smaller."""
    widths = part.attribute("hs")
    result = []
    scale = input_factor
    for index in range(len(widths) - 1):
        layer = part.child(f"layer{index}", LAYER)
        layer.pass_over("h_out", "_profiling_str")
        fan_in, var_in, var_out = (layer.number(name) for name in ("h_in", "var_in", "var_out"))
        weight = layer.tensor("weight")
        result.append(weight * (scale * math.sqrt(weight.shape[0] / (fan_in * var_in))))
        if index < len(widths) - 2:
            scale = activation(layer, "act") / activation_scale * math.sqrt(var_out)
        elif layer.attribute("act") is None:
            result[-1] = result[-1] * math.sqrt(var_out)
        else:
            raise ImportRefused(f"{layer.path} ends with an activation, which is not converted; {KEEP}")
    return result


def activation(part: Part, member: str) -> float:
    """Constant of a normalised silu."""
    act = part.child(member, NORMALISED)
    function = act.attribute("f")
    if function is not torch.nn.functional.silu:
        name = getattr(function, "__name__", str(function))
        raise ImportRefused(f"{act.path} is {name}; only silu can be converted; {KEEP}")
    return 1.0 if act.attribute("_is_id") else act.number("cst")


def hidden_widths(interaction: Part) -> list[int]:
    """Widths of the hidden layers of an interaction's radial network."""
    return list(interaction.child("conv_tp_weights", NETWORK).attribute("hs"))[1:-1]


def silu_constant(interaction: Part) -> float:
    """The constant by which an interaction's radial network normalises its activations."""
    network = interaction.child("conv_tp_weights", NETWORK)
    if len(network.attribute("hs")) < 3:
        return SILU_SCALE
    return activation(network.child("layer0", LAYER), "act")
