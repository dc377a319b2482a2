# SPDX-License-Identifier: MIT
"""Distances to features: radial basis times a smooth cutoff, and the network that turns them into edge weights."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

# 1 / sqrt(E[silu(z)^2]) for a normal z: keeps the variance of activations. e3nn's Monte-Carlo value is 1.6791768.
SILU_SCALE = 1.676532470331091


class RadialConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")

    basis: Literal["bessel", "chebyshev"] = "bessel"
    n_basis: int = Field(default=8, ge=1)
    cutoff_order: int = Field(default=5, ge=2, description="p of the polynomial cutoff")
    hidden: list[int] = Field(default=[64, 64, 64], description="widths of the hidden layers of the radial network")


def polynomial_cutoff(x: Tensor, p: int) -> Tensor:
    """1 at x = 0, 0 from x = 1 on with two continuous derivatives (Gasteiger et al., ICLR 2020, eq. 8).

    1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2), written as (1-x)^3 times a polynomial with positive
    coefficients: exact to rounding near the cutoff, where the sum above cancels.
    """
    total = torch.full_like(x, 0.5 * p * (p + 1))
    for k in range(p - 2, -1, -1):
        total = total * x + 0.5 * (k + 1) * (k + 2)
    inside = (1.0 - x).clamp(min=0.0)
    return total * inside * inside * inside


class RadialBasis(nn.Module):
    """Bessel functions sqrt(2/rc) sin(n pi r / rc) / r, or Chebyshev polynomials T_n(2 r / rc - 1), n = 1 .. n_basis,
    times the polynomial cutoff. No parameters; computed in the dtype of the distance."""

    def __init__(self, config: RadialConfig, cutoff: float) -> None:
        super().__init__()
        self.bessel = config.basis == "bessel"
        self.n_basis = config.n_basis
        self.order = config.cutoff_order
        self.cutoff = cutoff

    def forward(self, r: Tensor) -> Tensor:
        """[E] distances, angstrom -> [E, n_basis]."""
        envelope = polynomial_cutoff(r / self.cutoff, self.order).unsqueeze(1)
        if self.bessel:
            n = torch.arange(1, self.n_basis + 1, dtype=r.dtype, device=r.device)
            waves = torch.sin(r.unsqueeze(1) * (n * (math.pi / self.cutoff)))
            return math.sqrt(2.0 / self.cutoff) * waves / r.unsqueeze(1) * envelope
        x = 2.0 / self.cutoff * r - 1.0
        columns = [torch.ones_like(x), x]
        for _ in range(self.n_basis - 1):
            columns.append(2.0 * x * columns[-1] - columns[-2])
        return torch.stack(columns[1:], dim=1) * envelope


def initial_weight_square(config: RadialConfig, cutoff: float, activation_scale: float) -> float:
    """Mean square of an edge's radial weights before training, for neighbours spread evenly within the cutoff.

    Radial features are small, where silu(x) is x/2: each hidden layer passes on (activation_scale / 2)^2 of the mean
    square.
    """
    r = (torch.arange(1000, dtype=torch.float64) + 0.5) * (cutoff / 1000)
    square = RadialBasis(config, cutoff)(r).square().mean(1)
    return float((square * r * r).sum() / (r * r).sum()) * (0.5 * activation_scale) ** (2 * len(config.hidden))


class RadialNetwork(nn.Module):
    """Multilayer perceptron without bias, so that no radial feature means no message.

    Parametrisation of e3nn's FullyConnectedNet: normal weights, x W / sqrt(fan_in), silu times ``activation_scale``.
    """

    def __init__(self, widths: list[int], activation_scale: float) -> None:
        super().__init__()
        self.weights = nn.ParameterList(
            [nn.Parameter(torch.randn(fan_in, fan_out)) for fan_in, fan_out in itertools.pairwise(widths)]
        )
        self.activation_scale = activation_scale

    def forward(self, x: Tensor) -> Tensor:
        """[E, widths[0]] -> [E, widths[-1]]."""
        first = True
        for weight in self.weights:
            if not first:
                x = self.activation_scale * torch.nn.functional.silu(x)
            x = x @ (weight / math.sqrt(weight.shape[0]))
            first = False
        return x
