# SPDX-License-Identifier: MIT
"""Making things in background threads before they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Plan = TypeVar("Plan")
Item = TypeVar("Item")
AHEAD = 2  # items per thread that wait to be taken


def made_ahead(plans: Iterable[Plan], make: Callable[[Plan], Item], threads: int) -> Iterator[tuple[Plan, Item]]:
    """Each plan with what is made of it, in order; an exception comes where its item would have.

    Args:
        plans: possibly endless.
        make: called in background threads, for several plans at once.
        threads: 0: made when taken, in the caller's thread.
    """
    if threads == 0:
        for plan in plans:
            yield plan, make(plan)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="mlipkit-data")
    waiting: deque[tuple[Plan, Future[Item]]] = deque()
    try:
        for plan in plans:
            waiting.append((plan, pool.submit(make, plan)))
            if len(waiting) > AHEAD * threads:
                first, item = waiting.popleft()
                yield first, item.result()
        while waiting:
            first, item = waiting.popleft()
            yield first, item.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
