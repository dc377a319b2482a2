# SPDX-License-Identifier: MIT
"""Centroid virials by their definition: what the engine's are tested against.

W_j = sum_i (r_i - r_j) (x) dU_i/dr_j, U_i the energy of atom i. Here periodic images become atoms of their own, as far
as the interaction reaches (Langer et al., Phys. Rev. B 108, L100302, 2023): then positions are what the energies are
differentiated by, and the sum over i with the factor r_i is a backward pass with r_i as cotangent.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mlipkit.interfaces.neighbours import NeighbourList


def centroid_virials(
    model: torch.nn.Module,
    cutoff: float,
    n_layers: int,
    species: ArrayLike,
    positions: ArrayLike,
    cell: ArrayLike,
    pbc: ArrayLike,
    conditions: dict[str, Tensor],
) -> NDArray[np.float64]:
    """Centroid virials [N, 3, 3] of one structure, rows by r_i - r_j, in eV and float64.

    Args:
        model: fulfils ``mlipkit.nn.registry.Architecture``; in float64.
        cutoff: of the model, angstrom; n_layers: its message-passing layers.
        species: [N] model indices.
        positions: [N, 3] angstrom.
        cell: [3, 3] rows are vectors, angstrom; pbc: one or three booleans.
        conditions: as the model takes them, one value each, the task included.
    """
    sites, kinds, lattice = np.asarray(positions, float), np.asarray(species), np.asarray(cell, float)
    n_atoms = len(sites)
    owner, shift = _images(sites, lattice, pbc, n_layers * cutoff)
    x = torch.tensor(sites[owner] + shift @ lattice, requires_grad=True)
    edges = NeighbourList(cutoff).update(x.detach().numpy())
    centre, neighbour = torch.tensor(edges.centre), torch.tensor(edges.neighbour)
    answer = model(x[neighbour] - x[centre], centre, neighbour, torch.tensor(kinds[owner]), len(owner), conditions)
    energies = answer["energy"][:n_atoms]  # those of images near the surface are wrong, and of no use
    (gradient,) = torch.autograd.grad(energies.sum(), x, retain_graph=True)
    found = np.zeros((n_atoms, 3, 3))
    for a in range(3):
        (moment,) = torch.autograd.grad(energies, x, x[:n_atoms, a].detach(), retain_graph=True)
        np.add.at(found[:, a], owner, (moment - x.detach()[:, a : a + 1] * gradient).numpy())
    return found


def _images(
    positions: NDArray[np.float64], cell: NDArray[np.float64], pbc: ArrayLike, reach: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The atoms themselves, then all images that are closer than ``reach`` to one of them: owners and shifts."""
    edges = NeighbourList(reach).update(positions, cell, pbc)
    near = np.unique(np.column_stack([edges.neighbour, edges.shifts])[edges.shifts.any(axis=1)], axis=0)
    owner = np.concatenate([np.arange(len(positions)), near[:, 0]])
    return owner, np.concatenate([np.zeros((len(positions), 3), dtype=np.int64), near[:, 1:]])
