# SPDX-License-Identifier: MIT
"""Radial functions of a (transformed) distance, without the cutoff. All are computed in the dtype of the distance."""

import math

import torch
from torch import Tensor, nn


class BesselBasis(nn.Module):
    """sqrt(2/rc) sin(w_n x) / x (Gasteiger et al., ICLR 2020, eq. 7); w_n = n pi / rc unless given."""

    multiples: Tensor  # of pi / rc: whole numbers unless frequencies are given, and then exact in every dtype

    def __init__(self, n_basis: int, cutoff: float, frequencies: list[float] | None) -> None:
        super().__init__()
        self.cutoff = cutoff
        multiples = torch.arange(1, n_basis + 1, dtype=torch.float64)
        if frequencies is not None:
            multiples = torch.tensor(frequencies, dtype=torch.float64) * (cutoff / math.pi)
        self.register_buffer("multiples", multiples.to(torch.get_default_dtype()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[E] -> [E, n_basis]."""
        waves = torch.sin(x.unsqueeze(1) * (self.multiples.to(x.dtype) * (math.pi / self.cutoff)))
        return math.sqrt(2.0 / self.cutoff) * waves / x.unsqueeze(1)


class ChebyshevBasis(nn.Module):
    """Polynomials T_n, n = 1 .. n_basis, of x mapped linearly from ``low`` .. ``high`` to -1 .. 1."""

    def __init__(self, n_basis: int, low: float, high: float) -> None:
        super().__init__()
        self.n_basis = n_basis
        self.slope = 2.0 / (high - low)
        self.offset = -(high + low) / (high - low)

    def forward(self, x: Tensor) -> Tensor:
        """[E] -> [E, n_basis]."""
        y = self.slope * x + self.offset
        columns = [torch.ones_like(y), y]
        for _ in range(self.n_basis - 1):
            columns.append(2.0 * y * columns[-1] - columns[-2])
        return torch.stack(columns[1:], dim=1)


class GaussianBasis(nn.Module):
    """exp(-(x - c_n)^2 / (2 width^2)); centres evenly spaced from 0 to rc unless given."""

    centres: Tensor

    def __init__(self, n_basis: int, cutoff: float, centres: list[float] | None, width: float | None) -> None:
        super().__init__()
        spacing = cutoff / max(n_basis - 1, 1)
        values = torch.tensor(centres or [index * spacing for index in range(n_basis)], dtype=torch.float64)
        self.register_buffer("centres", values.to(torch.get_default_dtype()), persistent=False)
        self.exponent = -0.5 / (width or spacing) ** 2

    def forward(self, x: Tensor) -> Tensor:
        """[E] -> [E, n_basis]."""
        return torch.exp(self.exponent * torch.square(x.unsqueeze(1) - self.centres.to(x.dtype)))
