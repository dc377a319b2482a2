# SPDX-License-Identifier: MIT
"""Timing of several programs in turns, so that all of them meet the same state of the machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Timer = Callable[[int, int], tuple[float, float]]  # of a round and a number of calls: CPU and wall-clock time of one


@dataclass
class Timing:
    """Medians in seconds per call."""

    cpu: float  # of the whole process, all its threads
    wall: float
    rounds: int

    def per(self, count: int) -> dict[str, float]:
        """Microseconds per atom (or whatever ``count`` counts), JSON-able."""
        return {"cpu_us": 1e6 * self.cpu / count, "wall_us": 1e6 * self.wall / count, "rounds": self.rounds}


def once(call: Callable[[int], object], number: int, calls: int = 1) -> tuple[float, float]:
    """Process CPU time and wall-clock time per call."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call(number)
    return (time.process_time() - cpu) / calls, (time.perf_counter() - wall) / calls


def alternate(timers: Mapping[str, Timer], rounds: int, warmup: int = 2, shortest: float = 0.0) -> dict[str, Timing]:
    """Times every case once per round; every second round goes through them backwards.

    Args:
        timers: each is told the number of the round, so that inputs can vary.
        rounds: of which medians are taken.
        warmup: calls of each case that do not count.
        shortest: seconds; a case that is quicker is called several times per round.
    """
    calls = dict.fromkeys(timers, 1)
    for name, timer in timers.items():
        for number in range(warmup):
            timer(number, 1)
        if shortest > 0:
            calls[name] = max(1, math.ceil(shortest / max(timer(0, 1)[1], 1e-9)))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in timers}
    for number in range(rounds):
        order = list(timers) if number % 2 == 0 else list(timers)[::-1]
        for name in order:
            found[name].append(timers[name](number, calls[name]))
    return {
        name: Timing(median(cpu for cpu, _ in times), median(wall for _, wall in times), rounds)
        for name, times in found.items()
    }
