# SPDX-License-Identifier: MIT
"""Densities of the neighbours of each species: their definition in plain PyTorch."""

import torch
from torch import Tensor


def species_density_reference(
    radial: Tensor,
    harmonics: Tensor,
    centre: Tensor,
    neighbour: Tensor,
    species: Tensor,
    n_species: int,
    n_local: int,
) -> Tensor:
    """What ``torch.ops.mlip.species_density`` computes, with radial functions in place of their table.

    Args:
        radial: [E, Q] radial functions of every edge; harmonics: [E, M].
        centre: [E]; neighbour: [E]; species: [n_all] below n_species; n_local: number of local atoms.

    Returns:
        [n_local, M, n_species * Q].
    """
    of_species = torch.nn.functional.one_hot(species[neighbour], n_species).to(radial.dtype)
    columns = (of_species.unsqueeze(2) * radial.unsqueeze(1)).flatten(1)
    terms = harmonics.unsqueeze(2) * columns.unsqueeze(1)
    start = torch.zeros([n_local, harmonics.shape[1], columns.shape[1]], dtype=radial.dtype, device=radial.device)
    return start.index_add(0, centre, terms)
