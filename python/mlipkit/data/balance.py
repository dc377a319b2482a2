# SPDX-License-Identifier: MIT
"""Who computes what of one global batch: structures are shared out so that no process has much more to do.

Not here: which structures make a batch (:mod:`mlipkit.data.sampler`).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def balance(costs: Sequence[int], parts: int) -> list[list[int]]:
    """Splits structures over processes so that the largest summed cost is small.

    Longest processing time first (Graham, SIAM J. Appl. Math. 17, 416, 1969): the next costliest structure goes to the
    part with the least to do; the largest sum is at most 4/3 - 1/(3 parts) times the smallest possible one. Equal costs
    go by index and equal sums to the part with fewer structures, then to the first: the same input gives the same
    split everywhere. No part is empty while there are at least as many structures as parts.

    Args:
        costs: cost of each structure, for example its edges; not negative.
        parts: number of processes.

    Returns:
        For each part the ascending indices into ``costs``; together every index once.

    Raises:
        ValueError: no parts, or a negative cost.
    """
    if parts < 1:
        raise ValueError(f"cannot balance over {parts} parts; give 1 or more")
    for index, cost in enumerate(costs):
        if cost < 0:
            raise ValueError(f"cost {cost} of structure {index} is negative")
    shares: list[list[int]] = [[] for _ in range(parts)]
    least = [(0, 0, part) for part in range(parts)]  # summed cost, structures, part: a heap from the start
    for index in sorted(range(len(costs)), key=lambda index: (-costs[index], index)):
        total, count, part = heapq.heappop(least)
        shares[part].append(index)
        heapq.heappush(least, (total + costs[index], count + 1, part))
    return [sorted(share) for share in shares]
