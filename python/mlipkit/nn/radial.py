# SPDX-License-Identifier: MIT
"""Distances to features: radial basis and smooth cutoff, and the network that turns them into edge weights."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from mlipkit.nn.distance_transform import AgnesiTransform, NoTransform, SoftTransform
from mlipkit.nn.radial_basis import BesselBasis, ChebyshevBasis, GaussianBasis

# 1 / sqrt(E[silu(z)^2]) for a normal z: keeps the variance of activations. e3nn's Monte-Carlo value is 1.6791768.
SILU_SCALE = 1.676532470331091


class RadialConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    basis: Literal["bessel", "chebyshev", "gaussian"] = "bessel"
    n_basis: int = Field(default=8, ge=1)
    nodes: list[float] | None = Field(
        default=None,
        description="frequencies of the Bessel functions, 1/angstrom, or centres of the Gaussians, angstrom; null: "
        "n pi / cutoff, or evenly spaced from 0 to the cutoff",
    )
    gaussian_width: float | None = Field(
        default=None, gt=0, description="standard deviation of the Gaussians, angstrom; null: cutoff / (n_basis - 1)"
    )
    chebyshev_range: tuple[float, float] | None = Field(
        default=None, description="distances mapped to -1 .. 1; null: 0 to the cutoff, or 0 to 1 with agnesi"
    )
    transform: Literal["none", "agnesi", "soft"] = Field(
        default="none", description="how distances are rescaled by the covalent radii of a pair"
    )
    agnesi: tuple[float, float, float] = Field(
        default=(1.0805, 0.9183, 4.5791), description="a, q, p of the Agnesi transform"
    )
    soft_steepness: float = Field(default=4.0, gt=0, description="steepness of the soft transform")
    cutoff_order: int = Field(default=5, ge=2, description="p of the polynomial cutoff")
    cutoff_on: Literal["basis", "weights"] = Field(
        default="basis", description="what the cutoff multiplies: what enters the radial network, or what leaves it"
    )
    hidden: list[int] = Field(default=[64, 64, 64], description="widths of the hidden layers of the radial network")

    @model_validator(mode="after")
    def _fitting(self) -> RadialConfig:
        if self.nodes is not None and (self.basis == "chebyshev" or len(self.nodes) != self.n_basis):
            raise ValueError(f"nodes are the {self.n_basis} frequencies or centres of a bessel or gaussian basis")
        if self.chebyshev_range is not None and self.chebyshev_range[0] >= self.chebyshev_range[1]:
            raise ValueError(f"chebyshev_range {self.chebyshev_range} is empty; give [smallest, largest]")
        return self


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


class RadialEmbedding(nn.Module):
    """All that a model knows of a pair besides its direction: radial functions of the (transformed) distance, and the
    cutoff. No parameters; computed in the dtype of the distance. It depends on the distance and the two species alone.
    """

    def __init__(self, config: RadialConfig, cutoff: float, radii: list[float]) -> None:
        super().__init__()
        self.order = config.cutoff_order
        self.cutoff = cutoff
        self.cutoff_on_basis = config.cutoff_on == "basis"
        self.basis = _basis(config, cutoff)
        self.transform = _transform(config, radii)
        self.by_species = config.transform != "none"

    def forward(self, r: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Radial features and cutoff of every edge.

        Args:
            r: [E] distances, angstrom.
            first, second: [E] species of the centres and the neighbours.

        Returns:
            [E, n_basis] and [E, 1]; features include the cutoff where the configuration says so.
        """
        envelope = polynomial_cutoff(r / self.cutoff, self.order).unsqueeze(1)
        features = self.basis(self.transform(r, first, second))
        if self.cutoff_on_basis:
            features = features * envelope
        return features, envelope


def _basis(config: RadialConfig, cutoff: float) -> nn.Module:
    if config.basis == "bessel":
        return BesselBasis(config.n_basis, cutoff, config.nodes)
    if config.basis == "gaussian":
        return GaussianBasis(config.n_basis, cutoff, config.nodes, config.gaussian_width)
    low, high = config.chebyshev_range or (0.0, 1.0 if config.transform == "agnesi" else cutoff)
    return ChebyshevBasis(config.n_basis, low, high)


def _transform(config: RadialConfig, radii: list[float]) -> nn.Module:
    if config.transform == "agnesi":
        return AgnesiTransform(radii, *config.agnesi)
    return SoftTransform(radii, config.soft_steepness) if config.transform == "soft" else NoTransform()


def initial_weight_square(config: RadialConfig, cutoff: float, radii: list[float], activation_scale: float) -> float:
    """Mean square of an edge's radial weights before training, for neighbours of the same species spread evenly within
    the cutoff.

    Radial features are small, where silu(x) is x/2: each hidden layer passes on (activation_scale / 2)^2 of the mean
    square.
    """
    n_species = 1 if config.transform == "none" else len(radii)
    r = ((torch.arange(1000, dtype=torch.float64) + 0.5) * (cutoff / 1000)).repeat(n_species)
    species = torch.arange(n_species).repeat_interleave(1000)
    features, envelope = RadialEmbedding(config, cutoff, radii)(r, species, species)
    if config.cutoff_on == "weights":
        features = features * envelope
    square = float((features.square().mean(1) * r * r).sum() / (r * r).sum())
    return square * (0.5 * activation_scale) ** (2 * len(config.hidden))


class RadialNetwork(nn.Module):
    """Multilayer perceptron without bias, so that no radial feature means no message.

    Parametrisation of e3nn's FullyConnectedNet: normal weights, x W / sqrt(fan_in), silu times ``activation_scale``.
    """

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"weights.*": ("in", "out")}

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
            x = x @ (weight.to(x.dtype) / math.sqrt(weight.shape[0]))
            first = False
        return x
