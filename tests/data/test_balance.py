# SPDX-License-Identifier: MIT
"""Sharing out a batch: every structure once, no part empty, never far from the best split that exists."""

from __future__ import annotations

import itertools
import random

import pytest

from mlipkit.data.balance import balance


def largest_sum(costs: list[int], shares: list[list[int]]) -> int:
    return max(sum(costs[index] for index in share) for share in shares)


def best_possible(costs: list[int], parts: int) -> int:
    """Smallest largest sum over all assignments."""
    return min(
        max(sum(cost for cost, owner in zip(costs, owners, strict=True) if owner == part) for part in range(parts))
        for owners in itertools.product(range(parts), repeat=len(costs))
    )


@pytest.mark.parametrize("seed", range(60))
def test_never_worse_than_grahams_bound(seed: int) -> None:
    generator = random.Random(seed)
    parts = generator.randint(1, 4)
    costs = [generator.randint(0, 30) for _ in range(generator.randint(0, 7))]
    shares = balance(costs, parts)
    assert sorted(itertools.chain(*shares)) == list(range(len(costs)))
    assert all(share == sorted(share) for share in shares)
    assert len(shares) == parts
    if len(costs) >= parts:
        assert all(shares)
    bound = (4 / 3 - 1 / (3 * parts)) * best_possible(costs, parts)
    assert largest_sum(costs, shares) <= bound + 1e-12


def test_known_worst_case_of_the_greedy_rule() -> None:
    """Graham's example: the optimum is 9 (5+4, 5+4, 3+3+3), the greedy rule gives 11 = (4/3 - 1/9) x 9."""
    costs = [5, 5, 4, 4, 3, 3, 3]
    assert largest_sum(costs, balance(costs, 3)) == 11
    assert best_possible(costs, 3) == 9


def test_equal_costs_are_dealt_in_order() -> None:
    assert balance([7] * 5, 2) == [[0, 2, 4], [1, 3]]


def test_structures_without_edges_leave_no_part_empty() -> None:
    """Isolated atoms cost 0 edges; they must still be dealt out."""
    assert balance([0, 0, 0], 3) == [[0], [1], [2]]
    assert balance([40, 0, 0], 3) == [[0], [1], [2]]


def test_fewer_structures_than_parts() -> None:
    assert balance([3, 9], 4) == [[1], [0], [], []]


@pytest.mark.parametrize(
    ("costs", "parts", "message"), [([1], 0, "1 or more"), ([2, -3], 2, "structure 1 is negative")]
)
def test_wrong_input(costs: list[int], parts: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        balance(costs, parts)
