# SPDX-License-Identifier: MIT
"""Weights of the symmetric contraction, projected onto our basis.

mace-torch stores, for every order, tensors U that span the equivariant polynomials of the message, often more of them
than are independent. Summed over the orderings of each monomial they are polynomials in our sense, so that weights over
them have exactly one equivalent over our linearly independent basis.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlipkit.importers.mace.errors import KEEP, ImportRefused
from mlipkit.importers.mace.irreps import degrees, uniform
from mlipkit.importers.mace.part import Part
from mlipkit.nn.contraction_basis import ContractionBasis, contraction_basis

CONTRACTION = "mace.modules.symmetric_contraction.Contraction"
SYMMETRIC_CONTRACTION = "mace.modules.symmetric_contraction.SymmetricContraction"

Array = NDArray[np.float64]


def symmetric_contraction(part: Part, l_out: int, n_species: int) -> list[Tensor]:
    """Weights [species, basis, channels] of the degrees 0 .. l_out; higher ones, which no energy sees, are dropped."""
    outputs = degrees(part.attribute("irreps_out"), part.path)
    uniform(part.attribute("irreps_in"), part.path)
    entries = part.children("contractions", CONTRACTION)
    part.pass_over("internal_weights", "shared_weights")
    result = {degree: _weights(entry, degree, n_species) for (_, degree), entry in zip(outputs, entries, strict=True)}
    return [result[degree] for degree in range(l_out + 1)]


def correlation(part: Part) -> int:
    """Highest order of the polynomials."""
    return int(part.children("contractions", CONTRACTION)[0].attribute("correlation"))


def _weights(part: Part, l_out: int, n_species: int) -> Tensor:
    _, l_in = uniform(part.attribute("coupling_irreps"), part.path)
    highest = int(part.attribute("correlation"))
    basis = contraction_basis(l_in, l_out, highest)
    lower = part.child("weights", "torch.nn.modules.container.ParameterList")
    lower.pass_over("_size")
    blocks = []
    for order in range(1, highest + 1):
        if order == highest:
            weights = part.tensor("weights_max")
        else:
            weights = lower.tensor(str(highest - 1 - order))  # stored from the highest order down
        projection = _projection(part, basis, l_in, l_out, order)
        blocks.append(torch.einsum("bk,skc->sbc", torch.tensor(projection), weights))
    _pass_over(part, highest)
    joined = torch.cat(blocks, dim=1)
    return joined.expand(n_species, -1, -1).clone()  # one set for all species where the product is agnostic


def _projection(part: Part, basis: ContractionBasis, l_in: int, l_out: int, order: int) -> Array:
    """[basis polynomials of the order, stored tensors]: the latter in terms of the former."""
    width, rows = (l_in + 1) ** 2, 2 * l_out + 1
    kept = part.tensor(f"U_matrix_{order}")
    stored: Array = kept.reshape(rows, width**order, kept.shape[-1]).numpy()
    keys = np.sort(np.array(list(itertools.product(range(width), repeat=order))), axis=1)
    unique, group = np.unique(keys, axis=0, return_inverse=True)
    wanted = np.zeros((len(unique), rows, stored.shape[-1]))
    np.add.at(wanted, group.reshape(-1), stored.transpose(1, 0, 2))
    ours = _dense(basis, [tuple(key) for key in unique.tolist()], rows, order)
    matrix, target = ours.reshape(len(unique) * rows, -1), wanted.reshape(len(unique) * rows, -1)
    solution = np.linalg.lstsq(matrix, target, rcond=None)[0].astype(np.float64)
    size = max(float(np.abs(target).max()), 1.0)
    part.rounding(f"a U_matrix_{order}", float(np.abs(matrix @ solution - target).max()) / size)
    return solution


def _dense(basis: ContractionBasis, keys: list[tuple[int, ...]], rows: int, order: int) -> Array:
    """[monomials, components, basis polynomials of the order]."""
    place = {key: index for index, key in enumerate(keys)}
    columns = np.nonzero(basis.orders == order)[0]
    result = np.zeros((len(keys), rows, len(columns)))
    for entry, (monomial, component) in enumerate(zip(basis.monomial, basis.component, strict=True)):
        key = tuple(basis.factors[monomial][:order].tolist())
        if key in place and np.any(basis.coefficients[entry, columns]):
            result[place[key], component] = basis.coefficients[entry, columns]
    return result


def _pass_over(part: Part, highest: int) -> None:
    for member in ("graph_opt_main", "contractions_weighting", "contractions_features"):
        part.generated(member)
    part.pass_over("num_features", "weights_max_zeroed", *(f"weights_{index}_zeroed" for index in range(highest - 1)))


def refuse_other_backends(part: Part) -> None:
    """Refuses a block that runs on another package's kernels: its weights have another layout."""
    for member, package in (("cueq_config", "cuequivariance"), ("oeq_config", "openequivariance")):
        config = part.attribute(member)
        if config is not None and getattr(config, "enabled", True):
            raise ImportRefused(
                f"{part.path} is built on {package}; convert the model back to e3nn (mace_cueq_to_e3nn), or {KEEP}"
            )
