# SPDX-License-Identifier: MIT
"""Symmetric contraction: per atom and channel, a species-dependent equivariant polynomial of the message."""

import torch
from torch import Tensor, nn

from mlipkit.nn.contraction_basis import contraction_basis
from mlipkit.nn.operator_constants import polynomial_tree
from mlipkit.ops.contraction import contraction


class ContractionOutput(nn.Module):
    """One degree of the output. ``weight`` [n_species, n_basis, channels], basis ordered by polynomial order."""

    factors: Tensor
    tree: Tensor
    coefficients: Tensor

    def __init__(self, l_in: int, l_out: int, correlation: int, channels: int, n_species: int) -> None:
        super().__init__()
        basis = contraction_basis(l_in, l_out, correlation)
        self.orders: list[int] = basis.orders.tolist()
        self.sizes: list[int] = [int((basis.component == m).sum()) for m in range(2 * l_out + 1)]
        factors = basis.factors[basis.monomial]
        self.register_buffer("factors", torch.tensor(factors.T.copy()), persistent=False)
        self.register_buffer("tree", polynomial_tree(basis, (l_in + 1) ** 2), persistent=False)
        coefficients = torch.tensor(basis.coefficients.copy(), dtype=torch.float64)
        self.register_buffer("coefficients", coefficients.to(torch.get_default_dtype()), persistent=False)
        # As in MACE: an order with many basis polynomials starts with the smaller share.
        count = torch.tensor([self.orders.count(order) for order in self.orders]).unsqueeze(1)
        self.weight = nn.Parameter(torch.randn(n_species, len(self.orders), channels) / count)

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """[N, (l_in+1)^2, channels], [N] -> [N, 2 l_out + 1, channels]."""
        per_species = torch.matmul(self.coefficients, self.weight)  # [n_species, n_entries, channels]
        return contraction(x, per_species, species, self.factors, self.sizes, self.tree)


class SymmetricContraction(nn.Module):
    """Polynomials of orders 1 .. correlation into degrees 0 .. l_out (MACE, eqs. 10-11)."""

    def __init__(self, l_in: int, l_out: int, correlation: int, channels: int, n_species: int) -> None:
        super().__init__()
        self.outputs = nn.ModuleList(
            [ContractionOutput(l_in, degree, correlation, channels, n_species) for degree in range(l_out + 1)]
        )

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """[N, (l_in+1)^2, channels], [N] -> [N, (l_out+1)^2, channels]."""
        return torch.cat([output(x, species) for output in self.outputs], dim=1)
