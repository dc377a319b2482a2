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

RADIAL = "mace.modules.radial."
RADIAL_EMBEDDING = "mace.modules.blocks.RadialEmbeddingBlock"
BASES = (RADIAL + "BesselBasis", RADIAL + "ChebychevBasis", RADIAL + "GaussianBasis")
TRANSFORMS = (RADIAL + "AgnesiTransform", RADIAL + "SoftTransform")
NETWORK = "e3nn.nn._fc.FullyConnectedNet"
LAYER = "e3nn.nn._fc._Layer"
NORMALISED = "e3nn.math._normalize_activation.normalize2mom"

FUNCTIONS = {"silu": torch.nn.functional.silu, "tanh": torch.tanh, "abs": torch.abs}


@dataclass(frozen=True)
class Radial:
    """Options of ``RadialConfig`` that the embedding sets, and the factor of its functions on ours."""

    options: dict[str, Any]
    factor: float
    radii: Tensor | None  # covalent radii by atomic number, where the embedding uses them


def radial_embedding(part: Part, cutoff: float) -> Radial:
    """Basis functions, distance transform and cutoff."""
    part.pass_over("out_dim")
    options, factor = _basis(part.child("bessel_fn", *BASES), cutoff)
    options["cutoff_order"] = _cutoff(part.child("cutoff_fn", RADIAL + "PolynomialCutoff"), cutoff)
    options["cutoff_on"] = "basis" if part.attribute("apply_cutoff", True) else "weights"
    radii = None
    if part.has("distance_transform"):
        transform = part.child("distance_transform", *TRANSFORMS)
        radii = transform.tensor("covalent_radii")
        options |= _transform(transform)
    return Radial(options, factor, radii)


def _basis(part: Part, cutoff: float) -> tuple[dict[str, Any], float]:
    part.pass_over("r_max", "num_basis")  # the model's cutoff, and the number of functions
    if part.class_name == "BesselBasis":
        nodes = part.tensor("bessel_weights").tolist()
        factor = part.number("prefactor") / math.sqrt(2.0 / cutoff)
        return {"basis": "bessel", "n_basis": len(nodes), "nodes": nodes}, factor
    if part.class_name == "GaussianBasis":
        nodes = part.tensor("gaussian_weights").tolist()
        width = math.sqrt(-0.5 / part.number("coeff"))
        return {"basis": "gaussian", "n_basis": len(nodes), "nodes": nodes, "gaussian_width": width}, 1.0
    orders = part.tensor("n").reshape(-1).tolist()
    if orders != list(range(1, len(orders) + 1)):
        raise ImportRefused(f"{part.path} has polynomials of orders {orders}, not 1 .. {len(orders)}; {KEEP}")
    return {"basis": "chebyshev", "n_basis": len(orders), "chebyshev_range": (-1.0, 1.0)}, 1.0


def _transform(part: Part) -> dict[str, Any]:
    if part.class_name == "AgnesiTransform":
        return {"transform": "agnesi", "agnesi": tuple(part.number(name) for name in ("a", "q", "p"))}
    return {"transform": "soft", "soft_steepness": part.number("alpha")}


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
    name, constant = normalised(part, member)
    if name != "silu":
        raise ImportRefused(f"{part.name(member)} is {name}; only silu can be converted here; {KEEP}")
    return constant


def normalised(part: Part, member: str) -> tuple[str, float]:
    """Name of an activation and the constant in front of it."""
    act = part.child(member, NORMALISED)
    function = act.attribute("f")
    name = next((name for name, known in FUNCTIONS.items() if known is function), None)
    if name is None:
        shown = getattr(function, "__name__", str(function))
        raise ImportRefused(f"{act.path} is {shown}; only {', '.join(FUNCTIONS)} can be converted; {KEEP}")
    constant = act.number("cst")
    return name, 1.0 if act.attribute("_is_id") else constant


def hidden_widths(interaction: Part) -> list[int]:
    """Widths of the hidden layers of an interaction's radial network."""
    return list(interaction.child("conv_tp_weights", NETWORK).attribute("hs"))[1:-1]


def silu_constant(interaction: Part) -> float:
    """The constant by which an interaction's radial network normalises its activations."""
    network = interaction.child("conv_tp_weights", NETWORK)
    if len(network.attribute("hs")) < 3:
        return SILU_SCALE
    return activation(network.child("layer0", LAYER), "act")
