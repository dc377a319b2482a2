# SPDX-License-Identifier: MIT
"""Symmetric contraction: per atom and channel, a species-dependent equivariant polynomial of the message."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from mlipkit.nn.contraction_basis import ContractionBasis, contraction_basis
from mlipkit.nn.operator_constants import joined_trees, polynomial_tree
from mlipkit.nn.plain import UsesOperators
from mlipkit.ops.contraction import contraction, contraction_reference


class ContractionOutput(nn.Module):
    """One degree of the output. ``weight`` [n_species, n_basis, channels], basis ordered by polynomial order."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"weight": ("species", "basis", "channel")}
    coefficients: Tensor

    def __init__(self, basis: ContractionBasis, channels: int, n_species: int) -> None:
        super().__init__()
        self.orders: list[int] = basis.orders.tolist()
        coefficients = torch.tensor(basis.coefficients.copy(), dtype=torch.float64)
        self.register_buffer("coefficients", coefficients.to(torch.get_default_dtype()), persistent=False)
        # As in MACE: an order with many basis polynomials starts with the smaller share.
        count = torch.tensor([self.orders.count(order) for order in self.orders]).unsqueeze(1)
        self.weight = nn.Parameter(torch.randn(n_species, len(self.orders), channels) / count)

    def forward(self) -> Tensor:
        """Coefficients of the monomials: [n_species, n_entries, channels]."""
        return torch.matmul(self.coefficients, self.weight)


class SymmetricContraction(UsesOperators):
    """Polynomials of orders 1 .. correlation into degrees 0 .. l_out (MACE, eqs. 10-11)."""

    factors: Tensor
    tree: Tensor
    prepared: Tensor

    def __init__(self, l_in: int, l_out: int, correlation: int, channels: int, n_species: int) -> None:
        super().__init__()
        bases = [contraction_basis(l_in, degree, correlation) for degree in range(l_out + 1)]
        self.outputs = nn.ModuleList([ContractionOutput(basis, channels, n_species) for basis in bases])
        self.sizes: list[int] = [
            int((basis.component == m).sum()) for degree, basis in enumerate(bases) for m in range(2 * degree + 1)
        ]
        factors = torch.cat([torch.tensor(basis.factors[basis.monomial]) for basis in bases]).T.contiguous()
        tree = joined_trees([polynomial_tree(basis, (l_in + 1) ** 2) for basis in bases], bases)
        self.register_buffer("factors", factors, persistent=False)
        self.register_buffer("tree", tree, persistent=False)
        self.register_buffer("prepared", torch.zeros(0), persistent=False)  # filled by `prepare`

    def coefficients(self) -> Tensor:
        """Coefficients of all monomials: [n_species, n_entries, channels]."""
        found: list[Tensor] = []
        for output in self.outputs:
            found.append(output())
        return found[0] if len(found) == 1 else torch.cat(found, dim=1)

    def prepare(self) -> None:
        """Computes the coefficients once and for all, for inference."""
        self.prepared = self.coefficients()

    def forward(self, x: Tensor, species: Tensor) -> Tensor:
        """[N, (l_in+1)^2, channels], [N] -> [N, (l_out+1)^2, channels]."""
        coefficients = self.prepared if self.prepared.numel() > 0 else self.coefficients()
        if self.plain:
            return contraction_reference(x, coefficients, species, self.factors, self.sizes)
        return contraction(x, coefficients, species, self.factors, self.sizes, self.tree)
