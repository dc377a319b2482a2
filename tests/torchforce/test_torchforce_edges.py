# SPDX-License-Identifier: MIT
"""The neighbour search of TorchForce files, compiled, against that of ASE."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ase.neighborlist import primitive_neighbor_list
from torch import Tensor

from mlipkit.export.torchforce.edges import candidates, edges

Search = Callable[..., tuple[Tensor, Tensor, Tensor]]


@pytest.fixture(scope="module")
def search() -> Search:
    return torch.jit.script(edges)


def rows(centre: np.ndarray, neighbour: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """[E, 5], in an order that depends on the set of edges alone."""
    table = np.column_stack([centre, neighbour, vectors])
    return table[np.lexsort(np.round(table, 6).T[::-1])]


@pytest.mark.parametrize(
    ("n_atoms", "length", "cutoff"),
    [(1, 2.0, 5.0), (2, 3.0, 5.0), (20, 6.0, 5.0), (40, 11.0, 5.0), (300, 20.0, 4.0), (1, 9.0, 4.0)],
)
@pytest.mark.parametrize("periodic", [True, False])
def test_same_edges_as_ase(search: Search, n_atoms: int, length: float, cutoff: float, periodic: bool) -> None:
    rng = np.random.default_rng(n_atoms)
    # OpenMM's reduced form at its most skewed.
    cell = length * np.array([[1.0, 0.0, 0.0], [0.49, 0.9, 0.0], [-0.48, 0.44, 1.1]])
    for _ in range(3):
        positions = rng.uniform(-2.0, 3.0, (n_atoms, 3)) @ cell if periodic else rng.uniform(0, length, (n_atoms, 3))
        i, j, vectors = primitive_neighbor_list("ijD", [periodic] * 3, cell, positions, cutoff)
        box = torch.tensor(cell) if periodic else None
        centre, neighbour, r_ij = (found.numpy() for found in search(torch.tensor(positions), box, cutoff))
        assert (np.diff(centre) >= 0).all(), "models want edges by centre"
        np.testing.assert_allclose(rows(centre, neighbour, r_ij), rows(i, j, vectors), rtol=0, atol=1e-10)


def test_atoms_that_flew_away(search: Search) -> None:
    positions = torch.tensor([[0.0, 0, 0], [3e14, 1, 1], [3e14, 2, 1], [-1e15, 0, 0]], dtype=torch.float64)
    centre, neighbour, r_ij = search(positions, None, 4.0)
    assert list(zip(centre.tolist(), neighbour.tolist(), strict=True)) == [(1, 2), (2, 1)]
    assert r_ij.tolist() == [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]


def test_candidates_grow_like_the_number_of_atoms() -> None:
    """All pairs would be 64 times as many in eight times the volume."""
    rng = np.random.default_rng(0)
    found = []
    for length in (20.0, 40.0):
        n_atoms = round(0.05 * length**3)
        points = torch.tensor(rng.uniform(0, length, (n_atoms, 3)))
        centre, _ = candidates(points, n_atoms, 4.0)
        found.append(centre.shape[0] / n_atoms)
    assert found[1] < 1.5 * found[0]
    assert found[1] < 27 * 0.05 * 4.0**3 * 1.1
