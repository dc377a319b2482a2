# SPDX-License-Identifier: MIT
"""One message-passing layer: an interaction block and the product block after it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mlipkit.importers.mace.contraction import SYMMETRIC_CONTRACTION, refuse_other_backends, symmetric_contraction
from mlipkit.importers.mace.errors import KEEP, ImportRefused
from mlipkit.importers.mace.part import Part
from mlipkit.importers.mace.products import (
    FULLY_CONNECTED,
    LINEAR,
    TENSOR_PRODUCT,
    edge_product,
    linear,
    species_product,
)
from mlipkit.importers.mace.radial import NETWORK, radial_network
from mlipkit.nn.convolution import coupling_paths
from mlipkit.nn.mace import MACEConfig

BLOCKS = "mace.modules.blocks."
INTERACTIONS = (
    BLOCKS + "RealAgnosticInteractionBlock",
    BLOCKS + "RealAgnosticResidualInteractionBlock",
    BLOCKS + "RealAgnosticDensityInteractionBlock",
    BLOCKS + "RealAgnosticDensityResidualInteractionBlock",
)
PRODUCT = BLOCKS + "EquivariantProductBasisBlock"


@dataclass(frozen=True)
class Degrees:
    """Highest degrees of a layer: of the features that enter and leave it."""

    l_in: int
    l_out: int


def is_residual(interaction: Part) -> bool:
    """Whether the block hands the old features on, as its class says."""
    return "Residual" in interaction.class_name


def has_density(interaction: Part) -> bool:
    """Whether the block divides messages by a density of neighbours, as its class says."""
    return "Density" in interaction.class_name


def layer_weights(
    interaction: Part, product: Part, config: MACEConfig, degrees: Degrees, radial_factor: float
) -> dict[str, Tensor]:
    """Parameters of one ``MACELayer``."""
    channels, n_species = config.channels, len(config.species)
    refuse_other_backends(interaction)
    refuse_other_backends(product)
    _check_edge_irreps(interaction)
    _pass_over(interaction)
    residual = is_residual(interaction)
    uses_residual = product.attribute("use_sc")
    if residual and not uses_residual:
        raise ImportRefused(f"{product.path} makes no use of the residual of {interaction.path}; {KEEP}")
    product.pass_over("use_agnostic_product")
    up = linear(interaction.child("linear_up", LINEAR))
    down = linear(product.child("linear", LINEAR))
    skip = species_product(interaction.child("skip_tp", FULLY_CONNECTED))
    l_skip = min(degrees.l_in, degrees.l_out) if residual else config.l_max
    contraction = symmetric_contraction(
        product.child("symmetric_contractions", SYMMETRIC_CONTRACTION), degrees.l_out, n_species
    )
    root = math.sqrt(channels)
    return {
        "up.weight": torch.stack([up[degree] for degree in range(degrees.l_in + 1)]) * root,
        "down.weight": torch.stack([down[degree] for degree in range(degrees.l_out + 1)]) * root,
        "skip.weight": torch.stack([skip[degree] for degree in range(l_skip + 1)]) * (root * math.sqrt(n_species)),
        **{f"contraction.outputs.{degree}.weight": weight for degree, weight in enumerate(contraction)},
        **_convolution(interaction, config, degrees.l_in, radial_factor),
        **(_density(interaction, radial_factor) if has_density(interaction) else {}),
    }


def _convolution(part: Part, config: MACEConfig, l_in: int, radial_factor: float) -> dict[str, Tensor]:
    """Radial network and mixing of the paths, in our order of paths."""
    channels, divisor = config.channels, config.message_divisor
    assert divisor is not None
    found = edge_product(part.child("conv_tp", TENSOR_PRODUCT), channels)
    paths = coupling_paths(l_in, config.l_max, config.l_max)
    if set(found) != set(paths):
        raise ImportRefused(f"{part.path}.conv_tp has paths other than all that conserve parity; {KEEP}")
    network = radial_network(part.child("conv_tp_weights", NETWORK), config.activation_scale, radial_factor)
    columns = [found[path].first_weight + channel for path in paths for channel in range(channels)]
    network[-1] = network[-1][:, columns]
    matrices = linear(part.child("linear", LINEAR))
    normalisation = divisor / divisor_of(part)
    mixing = []
    for path in paths:
        first = found[path].first_channel
        fan_in = channels * sum(other[2] == path[2] for other in paths)
        rows = matrices[path[2]][first : first + channels]
        mixing.append(rows * (found[path].factor * math.sqrt(fan_in) * normalisation))
    weights = {f"convolution.radial.weights.{index}": weight for index, weight in enumerate(network)}
    return {"convolution.mixing": torch.stack(mixing), **weights}


def divisor_of(interaction: Part) -> float:
    """What the block divides the sum over neighbours by, apart from a density."""
    neighbours = interaction.number("avg_num_neighbors")
    return 1.0 if has_density(interaction) else neighbours


def _density(part: Part, radial_factor: float) -> dict[str, Tensor]:
    network = radial_network(part.child("density_fn", NETWORK), 1.0, radial_factor)
    if len(network) != 1:
        raise ImportRefused(f"{part.path}.density_fn has hidden layers, which are not converted; {KEEP}")
    return {"density.weight": network[0].squeeze(1)}


def _check_edge_irreps(part: Part) -> None:
    features = str(part.attribute("node_feats_irreps"))
    if str(part.attribute("edge_irreps", features)) != features:
        raise ImportRefused(f"{part.path} has edge_irreps unlike its features ({features}), not converted; {KEEP}")


def _pass_over(part: Part) -> None:
    """Sizes, which the weights have as well."""
    part.pass_over("node_attrs_irreps", "edge_attrs_irreps", "edge_feats_irreps", "target_irreps", "hidden_irreps")
    part.pass_over("irreps_out", "radial_MLP")
    reshape = part.child("reshape", "mace.modules.irreps_tools.reshape_irreps")
    reshape.pass_over("irreps", "cueq_config", "dims", "muls")
