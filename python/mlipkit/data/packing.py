# SPDX-License-Identifier: MIT
"""Batches of about the same number of edges: steps then take about the same time."""

from __future__ import annotations

from bisect import bisect_right, insort

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
MOST_OPEN = 32  # batches that wait for a structure that fits


def pack(order: Indices, costs: Indices, budget: int) -> list[Indices]:
    """Puts structures, in the order given, into batches of a summed cost of at most ``budget``.

    Best fit with a bounded number of open batches: a structure goes to the fullest batch that has room for it. A
    structure that costs more than the budget makes a batch of its own. Every structure is in one batch; the same input
    gives the same batches.

    Args:
        order: indices of structures, possibly repeated.
        costs: of all structures.
        budget: largest sum.
    """
    done: list[list[int]] = []
    open_batches: list[tuple[int, int]] = []  # sum and number of the batch, the emptiest first
    members: dict[int, list[int]] = {}
    for number, index in enumerate(order.tolist()):
        cost = int(costs[index])
        place = bisect_right(open_batches, (budget - cost, len(order))) - 1
        if cost > budget:
            done.append([index])
        elif place >= 0:
            total, batch = open_batches.pop(place)
            members[batch].append(index)
            insort(open_batches, (total + cost, batch))
        else:
            members[number] = [index]
            insort(open_batches, (cost, number))
            if len(open_batches) > MOST_OPEN:
                done.append(members.pop(open_batches.pop()[1]))
    done.extend(members[batch] for _, batch in reversed(open_batches))
    return [np.array(batch, dtype=np.int64) for batch in done]


def in_order(costs: Indices, budget: int) -> list[range]:
    """The same for structures that stay in their order, as for validation."""
    found, start, total = [], 0, 0
    for index, cost in enumerate(costs.tolist()):
        if index > start and total + cost > budget:
            found.append(range(start, index))
            start, total = index, 0
        total += cost
    return [*found, range(start, len(costs))] if len(costs) else []
