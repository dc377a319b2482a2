# SPDX-License-Identifier: MIT
"""The neighbour list against brute force and against ASE, on many random cells."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest
from ase.neighborlist import primitive_neighbor_list
from random_cells import KINDS, Case, brute_force, random_case

from mlipkit.interfaces.neighbours import Edges, NeighbourList

SEEDS = range(24)  # times nine kinds


def as_dict(edges: Edges) -> dict[tuple[int, ...], np.ndarray]:
    keys = np.column_stack([edges.centre, edges.neighbour, edges.shifts])
    return {tuple(int(k) for k in key): r for key, r in zip(keys, edges.r_ij, strict=True)}


def update(case: Case) -> Edges:
    return NeighbourList(case.cutoff).update(case.positions, case.cell, case.pbc)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_brute_force(kind: str) -> None:
    n_edges = 0
    for seed in SEEDS:
        case = random_case(kind, seed)
        edges, expected = update(case), brute_force(case)
        found = as_dict(edges)
        assert len(found) == len(edges), f"seed {seed}: an edge appears twice"
        assert found.keys() == expected.keys(), f"seed {seed}"
        pairs = [(found[key], vector) for key, vector in expected.items()]
        np.testing.assert_allclose(*np.array(pairs).reshape(-1, 2, 3).swapaxes(0, 1), atol=1e-12, err_msg=f"{seed}")
        n_edges += len(edges)
    assert n_edges > 100


@pytest.mark.parametrize("kind", KINDS)
def test_equals_ase(kind: str) -> None:
    for seed in SEEDS:
        case = random_case(kind, seed)
        i, j, shift = primitive_neighbor_list("ijS", case.pbc, case.cell, case.positions, case.cutoff)
        expected = Counter(zip(i.tolist(), j.tolist(), map(tuple, shift.tolist()), strict=True))
        edges = update(case)
        triples = zip(edges.centre.tolist(), edges.neighbour.tolist(), map(tuple, edges.shifts.tolist()), strict=True)
        assert Counter(triples) == expected, f"seed {seed}"


@pytest.mark.parametrize("kind", KINDS)
def test_order_symmetry_and_determinism(kind: str) -> None:
    for seed in SEEDS:
        case = random_case(kind, seed)
        edges, again = update(case), update(case)
        assert (np.diff(edges.centre) >= 0).all()
        found = as_dict(edges)
        mirrored = [found[(j, i, -a, -b, -c)] for i, j, a, b, c in found]
        np.testing.assert_array_equal(np.array(mirrored).reshape(-1, 3), -edges.r_ij)
        for name in ("centre", "neighbour", "shifts", "r_ij"):
            np.testing.assert_array_equal(getattr(edges, name), getattr(again, name))


def test_cutoff_far_beyond_the_cell_counts_lattice_points() -> None:
    # simple cubic with lattice constant 1: points with 0 < |n| < 4
    axis = np.arange(-4, 5)
    norms = np.linalg.norm(np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3), axis=1)
    edges = NeighbourList(4.0).update([[0.3, 0.1, 0.9]], np.eye(3), True)
    assert len(edges) == ((norms > 0) & (norms < 4.0)).sum()


def test_extremely_slanted_cell_is_the_same_crystal() -> None:
    straight = np.diag([3.0, 3.1, 3.2])
    slanted = straight.copy()
    slanted[1] += 50 * straight[0]
    slanted[2] += 70 * slanted[1] - 11 * straight[0]
    positions = np.random.default_rng(0).uniform(0, 3, (5, 3))
    lengths = [
        np.sort(np.linalg.norm(NeighbourList(5.0).update(positions, cell, True).r_ij, axis=1))
        for cell in (straight, slanted)
    ]
    np.testing.assert_allclose(*lengths, atol=1e-10)


def test_no_atoms_and_one_open_atom() -> None:
    assert len(NeighbourList(3.0).update(np.zeros((0, 3)), np.eye(3), True)) == 0
    assert len(NeighbourList(3.0).update(np.zeros((0, 3)))) == 0
    edges = NeighbourList(3.0).update([[1.0, 2.0, 3.0]])
    assert edges.r_ij.shape == (0, 3)
    assert edges.shifts.shape == (0, 3)


def test_open_rows_of_the_cell_are_not_read() -> None:
    positions = np.random.default_rng(1).uniform(0, 4, (10, 3))
    cell = np.array([[4.0, 0, 0], [0, 4.0, 0], [np.nan, 0, 0]])
    clean = np.array([[4.0, 0, 0], [0, 4.0, 0], [0, 0, 0]])
    pbc = [True, True, False]
    a, b = (NeighbourList(3.0).update(positions, c, pbc) for c in (cell, clean))
    np.testing.assert_array_equal(a.r_ij, b.r_ij)


def test_one_atom_far_away_from_the_others() -> None:
    positions = np.random.default_rng(2).uniform(0, 6, (40, 3))
    alone = np.concatenate([positions, [[1e7, -1e7, 3.0]]])
    assert len(NeighbourList(3.0).update(alone)) == len(NeighbourList(3.0).update(positions)) > 0


def test_time_is_linear_in_the_number_of_atoms() -> None:
    def seconds(n: int) -> float:
        side = (n * 10.0) ** (1 / 3)  # 0.1 atoms per cubic angstrom, as water
        positions = np.random.default_rng(3).uniform(0, side, (n, 3))
        times = []
        for _ in range(3):
            start = time.process_time()
            NeighbourList(4.0).update(positions, np.eye(3) * side, True)
            times.append(time.process_time() - start)
        return min(times)

    # Quadratic cost would give 64; caches and the noise of a shared machine get a factor of four.
    assert seconds(16000) / seconds(2000) < 32
