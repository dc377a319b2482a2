# SPDX-License-Identifier: MIT
"""Candidates kept within a skin give what a fresh list gives, and are rebuilt when they must be."""

from __future__ import annotations

import numpy as np
import pytest
from random_cells import Case, brute_force, random_case

from mlipkit.interfaces.neighbours import NeighbourList


@pytest.mark.parametrize("kind", ["triclinic", "tiny", "slanted", "open", "flat"])
@pytest.mark.parametrize("seed", [5, 7])
def test_random_walk_with_wrapping(kind: str, seed: int) -> None:
    case = random_case(kind, seed)
    rng = np.random.default_rng(seed)
    kept = NeighbourList(case.cutoff, skin=0.6)
    positions = case.positions.copy()
    for step in range(30):
        positions += rng.normal(scale=0.03, size=positions.shape)
        if step % 10 == 9:  # a host wraps or unwraps one atom
            positions[rng.integers(len(positions))] += rng.integers(-1, 2, 3) * case.pbc @ case.cell
        edges = kept.update(positions, case.cell, case.pbc)
        expected = brute_force(Case(positions, case.cell, case.pbc, case.cutoff))
        keys = np.column_stack([edges.centre, edges.neighbour, edges.shifts]).tolist()
        assert len(edges) == len(expected)
        vectors = np.array([expected[tuple(key)] for key in keys]).reshape(-1, 3)
        np.testing.assert_allclose(edges.r_ij, vectors, atol=1e-12)
    assert 1 < kept.builds < 25  # reused, and rebuilt


def test_rebuilt_only_after_half_the_skin() -> None:
    neighbours = NeighbourList(3.0, skin=1.0)
    positions = np.random.default_rng(0).uniform(0, 8, (20, 3))
    cell = np.eye(3) * 8
    neighbours.update(positions, cell, True)
    positions[3, 0] += 0.499
    neighbours.update(positions, cell, True)
    assert neighbours.builds == 1
    positions[3, 0] += 0.002
    neighbours.update(positions, cell, True)
    assert neighbours.builds == 2


def test_rebuilt_when_cell_periodicity_or_number_of_atoms_change() -> None:
    neighbours = NeighbourList(3.0, skin=1.0)
    positions = np.random.default_rng(0).uniform(0, 8, (20, 3))
    changes = [
        (positions, np.eye(3) * 8, [True, True, True]),
        (positions, np.eye(3) * 8.0001, [True, True, True]),
        (positions, np.eye(3) * 8.0001, [True, True, False]),
        (positions[:-1], np.eye(3) * 8.0001, [True, True, False]),
    ]
    for count, (x, cell, pbc) in enumerate(changes, start=1):
        for _ in range(2):
            edges = neighbours.update(x, cell, pbc)
        assert neighbours.builds == count
        assert len(edges) == len(brute_force(Case(x, cell, np.array(pbc), 3.0)))


def test_usable_after_a_failed_update() -> None:
    neighbours = NeighbourList(3.0, skin=1.0)
    positions = np.random.default_rng(0).uniform(0, 8, (20, 3))
    expected = len(neighbours.update(positions, np.eye(3) * 8, True))
    broken = positions.copy()
    broken[4] = np.nan
    with pytest.raises(RuntimeError, match="atom 4"):
        neighbours.update(broken, np.eye(3) * 8, True)
    with pytest.raises(RuntimeError, match="degenerate"):
        neighbours.update(positions, np.zeros((3, 3)), True)
    assert len(neighbours.update(positions, np.eye(3) * 8, True)) == expected


def test_edges_are_copies() -> None:
    neighbours = NeighbourList(3.0, skin=1.0)
    positions = np.random.default_rng(0).uniform(0, 5, (8, 3))
    edges = neighbours.update(positions)
    before = edges.r_ij.copy()
    neighbours.update(positions + np.linspace(0, 0.3, 8)[:, None])
    np.testing.assert_array_equal(edges.r_ij, before)
