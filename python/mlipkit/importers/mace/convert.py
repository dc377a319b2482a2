# SPDX-License-Identifier: MIT
"""The whole model: options and parameters of the flagship architecture that compute the same energies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ase.data import chemical_symbols
from pydantic import ValidationError
from torch import Tensor

from mlipkit.importers.mace.contraction import SYMMETRIC_CONTRACTION, correlation
from mlipkit.importers.mace.energies import reference_energies, scale_and_repulsion
from mlipkit.importers.mace.errors import KEEP, MEMBERS, ImportRefused
from mlipkit.importers.mace.interaction import (
    INTERACTIONS,
    PRODUCT,
    Degrees,
    divisor_of,
    has_density,
    is_residual,
    layer_weights,
)
from mlipkit.importers.mace.irreps import uniform
from mlipkit.importers.mace.part import Part
from mlipkit.importers.mace.products import LINEAR, scalar_linear
from mlipkit.importers.mace.radial import RADIAL_EMBEDDING, hidden_widths, radial_embedding, silu_constant
from mlipkit.importers.mace.readouts import GATED_READOUT, LINEAR_READOUT, readout_options, readout_weights
from mlipkit.nn.mace import MACEConfig

BLOCKS = "mace.modules.blocks."
MODELS = ("mace.modules.models.MACE", "mace.modules.models.ScaleShiftMACE")

CHEBYSHEV = (
    "the forces of mace-torch lack the slope of Chebyshev functions, which torch does not differentiate; those of the "
    "converted model are the gradient of the energy, which is the same in both"
)


@dataclass(frozen=True)
class Converted:
    """What the architecture "mace" is built from, in float64."""

    config: MACEConfig
    parameters: dict[str, Tensor]
    e0: dict[str, float]

    @property
    def notes(self) -> list[str]:
        """What a user of the original should know."""
        return [CHEBYSHEV] if self.config.radial.basis == "chebyshev" else []


def heads_of(root: Part) -> list[str]:
    """Names of the heads; versions without them call the only one Default."""
    return [str(name) for name in root.attribute("heads", ["Default"])]


def convert(root: Part, head: int) -> Converted:
    """Converts one head.

    Raises:
        ImportRefused: something that the architecture cannot represent, or that is unknown.
    """
    _refuse_extensions(root)
    species = [chemical_symbols[int(number)] for number in root.tensor("atomic_numbers")]
    cutoff = root.number("r_max")
    radial = radial_embedding(root.child("radial_embedding", RADIAL_EMBEDDING), cutoff)
    interactions = root.children("interactions", *INTERACTIONS)
    products = root.children("products", PRODUCT)
    readouts = root.children("readouts", LINEAR_READOUT, GATED_READOUT)
    heads = heads_of(root)
    config = _config(
        {
            "species": species,
            "cutoff": cutoff,
            "n_layers": len(interactions),
            "tasks": [heads[head]],
            "radial": {**radial.options, "hidden": _common("radial_MLP", [hidden_widths(p) for p in interactions])},
            **_sizes(interactions, products),
            **readout_options(readouts, len(interactions), len(heads)),
            **scale_and_repulsion(root, species, head, radial.radii),
        }
    )
    parameters = {"embedding": _embedding(root) * math.sqrt(len(species))}
    for index, (interaction, product) in enumerate(zip(interactions, products, strict=True)):
        degrees = Degrees(
            0 if index == 0 else config.hidden_l_max, 0 if index == len(products) - 1 else config.hidden_l_max
        )
        weights = layer_weights(interaction, product, config, degrees, radial.factor)
        parameters |= {f"layers.{index}.{name}": value for name, value in weights.items()}
    parameters |= readout_weights(readouts, head, len(heads), config)
    e0 = reference_energies(root, species, head)
    _pass_over(root, config)
    root.refuse_unread()
    return Converted(config, parameters, e0)


def _refuse_extensions(root: Part) -> None:
    """What the model would add to its energies, or compute them from, named before anything else is read."""
    for member, reason in MEMBERS.items():
        if root.has(member):
            raise ImportRefused(f"the model has {member}: {reason}")
    if root.attribute("use_so3", False):
        raise ImportRefused(f"the model was built with use_so3, whose features have no parity; {KEEP}")


def _config(options: dict[str, Any]) -> MACEConfig:
    try:
        return MACEConfig.model_validate(options)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(key) for key in e['loc'])}: {e['msg']}" for e in error.errors())
        raise ImportRefused(f"the model is beyond what the architecture takes ({wrong}); {KEEP}") from error


def _sizes(interactions: list[Part], products: list[Part]) -> dict[str, Any]:
    harmonics = interactions[0].attribute("edge_attrs_irreps")
    _, l_max = uniform(harmonics, interactions[0].path)
    down = products[0].child("linear", LINEAR)
    channels, hidden_l_max = uniform(down.attribute("irreps_out"), down.path)
    order = _common(
        "correlation", [correlation(p.child("symmetric_contractions", SYMMETRIC_CONTRACTION)) for p in products]
    )
    return {
        "channels": channels,
        "l_max": l_max,
        "hidden_l_max": hidden_l_max,
        "correlation": order,
        "avg_num_neighbours": interactions[0].number("avg_num_neighbors"),
        "message_divisor": next((divisor_of(part) for part in interactions if not has_density(part)), 1.0),
        "activation_scale": silu_constant(interactions[0]),
        **_kinds(interactions),
    }


def _kinds(interactions: list[Part]) -> dict[str, Any]:
    """Residual connection and density normalisation of the first and of the later layers."""
    first, *later = interactions
    residual = _common("residual connections", [is_residual(part) for part in later], True)
    density = {False: "none", True: "all"}[has_density(first)]
    if later and _common("density normalisation", [has_density(part) for part in later]) != has_density(first):
        density = "first" if has_density(first) else "later"
    return {
        "first_layer_residual": is_residual(first),
        "later_layers_residual": residual,
        "density_normalization": density,
    }


def _common(what: str, values: list[Any], otherwise: Any = None) -> Any:
    """The value that all layers share; ``otherwise`` where there is none."""
    if any(value != values[0] for value in values):
        raise ImportRefused(f"layers differ in {what} ({', '.join(str(value) for value in values)}); {KEEP}")
    return values[0] if values else otherwise


def _embedding(root: Part) -> Tensor:
    """[species, channels]."""
    return scalar_linear(root.child("node_embedding", BLOCKS + "LinearNodeEmbeddingBlock").child("linear", LINEAR))


def _pass_over(root: Part, config: MACEConfig) -> None:
    """What follows from the rest of the model, checked where it may not."""
    harmonics = root.child("spherical_harmonics", "e3nn.o3._spherical_harmonics.SphericalHarmonics")
    usual = {"normalize": True, "normalization": "component", "_ls_list": list(range(config.l_max + 1))}
    for name, wanted in usual.items():
        if harmonics.attribute(name) != wanted:
            raise ImportRefused(f"{harmonics.path} has {name} {harmonics.attribute(name)}, not {wanted}; {KEEP}")
    harmonics.pass_over("irreps_in", "irreps_out", "_lmax", "_is_range_lmax", "_prof_str")
    root.pass_over("num_interactions", "lammps_mliap", "apply_cutoff", "edge_irreps", "use_edge_irreps_first")
    root.pass_over("use_reduced_cg", "use_agnostic_product", "use_last_readout_only")
