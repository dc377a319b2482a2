# SPDX-License-Identifier: MIT
"""Radial weights in training: the networks are evaluated at a hundred distances, splines give the edges' weights.

A batch has thousands of edges, and the networks of all layers depend on their distances alone: fewer evaluations, and
derivatives of derivatives of splines instead of networks. Slopes are good to about single precision, for which it is.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from mlipkit.nn.edges import Splines
from mlipkit.nn.radial_table import FIRST_KNOT, knots_per_length, spline_pieces

N_KNOTS = 128
WORTHWHILE = 3  # edges per distance from which splines are the cheaper way


def _steps(n_knots: int) -> Tensor:
    """[knots + 4] where the networks are evaluated, in spacings: at the knots, and in the middles of the two first and
    last intervals, where splines have as many coefficients more than knots."""
    inner = torch.tensor([0.5, 1.5, n_knots - 2.5, n_knots - 1.5], dtype=torch.float64)
    return torch.cat([torch.arange(n_knots, dtype=torch.float64), inner]).sort().values


@lru_cache(maxsize=8)
def samples(cutoff: float, n_knots: int = N_KNOTS) -> Tensor:
    """[knots + 4] distances at which the networks are evaluated."""
    return FIRST_KNOT + _steps(n_knots) / knots_per_length(cutoff, n_knots)


@lru_cache(maxsize=8)
def interpolation(dtype: torch.dtype, n_knots: int = N_KNOTS) -> Tensor:
    """[knots + 4, knots + 4]: from values at :func:`samples` to coefficients of the splines through them."""
    factors, start = _pieces(_steps(n_knots), n_knots)
    collocation = torch.zeros(n_knots + 4, n_knots + 4, dtype=torch.float64)
    collocation.scatter_(1, start.unsqueeze(1) + torch.arange(6), factors)
    return torch.linalg.inv(collocation).to(dtype)


def places(r: Tensor, cutoff: float, n_knots: int = N_KNOTS) -> tuple[Tensor, Tensor]:
    """Factors of six coefficients and the number of the first, for distances [E]: [E, 6] and [E]."""
    return _pieces((r - FIRST_KNOT) * knots_per_length(cutoff, n_knots), n_knots)


def _pieces(x: Tensor, n_knots: int) -> tuple[Tensor, Tensor]:
    start = x.detach().long().clamp(0, n_knots - 2)
    return spline_pieces(x - start) * (x <= n_knots - 1).unsqueeze(1), start


def splines(r: Tensor, cutoff: float) -> Splines:
    """What :class:`mlipkit.nn.convolution.Convolution` needs for edges of distances [E]."""
    factors, start = places(r, cutoff)
    return Splines(interpolation(r.dtype), factors, start)


def worthwhile(r: Tensor) -> bool:
    """Whether splines are precise enough for distances [E], and cheaper."""
    return r.dtype == torch.float32 and r.is_cpu and r.shape[0] > WORTHWHILE * (N_KNOTS + 4)
