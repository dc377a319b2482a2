# SPDX-License-Identifier: MIT
"""The symmetric contraction: its definition in plain PyTorch, and the choice between it and the kernels."""

import torch
from torch import Tensor


def contraction_reference(
    x: Tensor, coefficients: Tensor, species: Tensor, factors: Tensor, sizes: list[int]
) -> Tensor:
    """Polynomials of x with coefficients of each atom's species (MACE, eqs. 10-11; Batatia et al., NeurIPS 2022).

    Args:
        x: [N, components, channels].
        coefficients: [n_species, entries, channels].
        species: [N].
        factors: [order, entries] components whose product is the monomial of an entry; ``components`` stands for 1.
        sizes: number of entries of each component of the output, in this order.

    Returns:
        [N, outputs, channels].
    """
    extended = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    values = extended.index_select(1, factors[0])
    for order in range(1, factors.shape[0]):
        values = values * extended.index_select(1, factors[order])
    terms = values * coefficients.index_select(0, species)
    return torch.stack([part.sum(1) for part in terms.split(sizes, dim=1)], dim=1)


def contraction(
    x: Tensor, coefficients: Tensor, species: Tensor, factors: Tensor, sizes: list[int], tree: Tensor
) -> Tensor:
    """:func:`contraction_reference`, by the kernels where there are some for the device.

    ``tree`` holds the same polynomials in Horner form: see ``mlipkit.nn.operator_constants.polynomial_tree``.
    """
    if x.is_cuda and not torch.ops.mlip.has_cuda():
        return contraction_reference(x, coefficients, species, factors, sizes)
    return torch.ops.mlip.contraction(x, coefficients, species, tree, len(sizes))
