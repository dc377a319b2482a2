# SPDX-License-Identifier: MIT
"""What layers know of the edges."""

from typing import NamedTuple

from torch import Tensor


class Edges(NamedTuple):
    """E edges, sorted by centre."""

    centre: Tensor  # [E]
    neighbour: Tensor  # [E]
    harmonics: Tensor  # [E, (l_max+1)^2]
    radial: Tensor  # [E, n_basis] radial features; empty where nothing needs them
    envelope: Tensor  # [E, 1] cutoff
    distance: Tensor  # [E] angstrom
    table: Tensor  # [E] which table holds the radial weights; empty where there is one, or none
