# SPDX-License-Identifier: MIT
"""Order of structures and size of batches: nothing lost, stated shares, even sums, the same again after resuming."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mlipkit.data.ahead import made_ahead
from mlipkit.data.packing import in_order, pack
from mlipkit.data.sampler import BatchSampler, Drawn, quotas


def epochs(sampler: BatchSampler, number: int) -> list[list[list[int]]]:
    found = []
    for epoch in range(number):
        batches = []
        while sampler.epoch == epoch:
            batches.append(sampler.next())
        found.append(batches)
    return found


@pytest.fixture
def edges() -> np.ndarray:
    """Small molecules and large cells, a factor of 40 apart."""
    return np.random.default_rng(0).choice([50, 120, 300, 700, 2000], size=800, p=[0.4, 0.2, 0.2, 0.1, 0.1])


def test_packed_batches_hold_everything_once_and_stay_in_the_budget(edges: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(len(edges))
    batches = pack(order, edges, 5000)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(edges)))
    sums = np.array([edges[batch].sum() for batch in batches])
    assert sums.max() <= 5000
    assert np.sort(sums)[2:].min() > 0.9 * 5000  # all but the last ones
    fixed = [edges[part].sum() for part in np.array_split(order, len(batches))]
    assert np.std(np.sort(sums)[2:]) < 0.1 * np.std(fixed)


def test_what_exceeds_the_budget_is_alone() -> None:
    batches = pack(np.arange(4), np.array([10, 99, 10, 10]), 30)
    assert sorted(batch.tolist() for batch in batches) == [[0, 2, 3], [1]]
    assert [list(rows) for rows in in_order(np.array([10, 99, 10, 10, 25]), 30)] == [[0], [1], [2, 3], [4]]
    assert in_order(np.array([], dtype=int), 30) == []


def test_edge_batches_depend_on_seed_and_epoch_and_resume(edges: np.ndarray) -> None:
    def sampler(seed: int = 3) -> BatchSampler:
        return BatchSampler(len(edges), 4, seed, edges=edges, batch_edges=5000)

    whole = sampler()
    first, second, third = epochs(whole, 3)
    assert first != second
    assert epochs(sampler(4), 1)[0] != first
    stopped = sampler()
    for _ in range(len(first) + 3):
        stopped.next()
    assert 0 < stopped.share(3) < 1
    resumed = sampler(0)
    resumed.load_state_dict(stopped.state_dict())
    assert [resumed.next() for _ in range(len(second) - 3)] == second[3:]
    assert [resumed.next() for _ in range(len(third))] == third
    assert resumed.share(3) == 1.0


def test_shares_of_an_epoch() -> None:
    small, large = np.arange(10), np.arange(10, 1010)
    sampler = BatchSampler(1010, 7, seed=0, order=Drawn([small, large], quotas([0.3, 0.7], 100)))
    seen: Counter[int] = Counter()
    for batches in epochs(sampler, 30):
        drawn = [index for batch in batches for index in batch]
        assert len(drawn) == 100
        assert sum(index < 10 for index in drawn) == 30
        counts = Counter(index for index in drawn if index < 10)
        assert set(counts.values()) == {3}  # a small source is repeated evenly
        seen.update(index for index in drawn if index >= 10)
    # 2,100 of 1,000: everything twice, nothing a fourth time before all came a third
    assert set(seen) == set(range(10, 1010))
    assert set(seen.values()) == {2, 3}


def test_large_sources_are_gone_through_without_repetition() -> None:
    sampler = BatchSampler(100, 8, seed=1, order=Drawn([np.arange(100)], [30]))
    drawn = [index for batches in epochs(sampler, 10) for batch in batches for index in batch]
    assert len(set(drawn[:90])) == 90
    assert Counter(drawn) == Counter(dict.fromkeys(range(100), 3))
    assert drawn[:30] != drawn[90:120]


def test_drawn_epochs_resume() -> None:
    def sampler() -> BatchSampler:
        return BatchSampler(110, 4, seed=5, order=Drawn([np.arange(10), np.arange(10, 110)], [13, 37]))

    whole = sampler()
    expected = [whole.next() for _ in range(40)]
    for done in (1, 12, 13, 30):
        first, second = sampler(), sampler()
        for _ in range(done):
            first.next()
        second.load_state_dict(first.state_dict())
        assert [second.next() for _ in range(40 - done)] == expected[done:]


@pytest.mark.parametrize(
    ("shares", "n", "expected"),
    [([0.7, 0.3], 10, [7, 3]), ([2, 1], 10, [7, 3]), ([1, 1, 1], 10, [4, 3, 3]), ([1e-6, 1], 100, [1, 99])],
)
def test_quotas(shares: list[float], n: int, expected: list[int]) -> None:
    assert quotas(shares, n) == expected


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_made_ahead_keeps_order_and_errors(threads: int) -> None:
    def make(plan: int) -> int:
        if plan == 20:
            raise ValueError("twenty")
        return plan**2

    found = made_ahead(iter(range(10**9)), make, threads)  # endless for all purposes
    assert [next(found) for _ in range(20)] == [(k, k * k) for k in range(20)]
    with pytest.raises(ValueError, match="twenty"):
        next(found)
    assert [item for _, item in made_ahead(range(5), make, threads)] == [0, 1, 4, 9, 16]
