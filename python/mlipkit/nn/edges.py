# SPDX-License-Identifier: MIT
"""What layers know of the edges."""

from typing import NamedTuple

from torch import Tensor


class Splines(NamedTuple):
    """Radial weights of E edges by interpolation between S distances, see :mod:`mlipkit.nn.radial_splines`."""

    interpolation: Tensor  # [S, S]
    factors: Tensor  # [E, 6] of six of its results
    start: Tensor  # [E] the first of them


class Edges(NamedTuple):
    """E edges, sorted by centre."""

    centre: Tensor  # [E]
    neighbour: Tensor  # [E]
    harmonics: Tensor  # [E, (l_max+1)^2]
    radial: Tensor  # [E, n_basis] radial features, [S, n_basis] with splines; empty where nothing needs them
    envelope: Tensor  # [E or S, 1] cutoff
    distance: Tensor  # [E] angstrom
    table: Tensor  # [E] which table holds the radial weights; empty where there is one, or none
    splines: Splines | None = None
