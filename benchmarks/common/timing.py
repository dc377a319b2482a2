# SPDX-License-Identifier: MIT
"""Timing of several programs in one process, in turns, so that all of them meet the same state of the machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median


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


def alternate(
    cases: Mapping[str, Callable[[int], object]], rounds: int, warmup: int = 2, shortest: float = 0.0
) -> dict[str, Timing]:
    """Times every case once per round; every second round goes through them backwards.

    Args:
        cases: each is called with the number of the round, so that inputs can vary.
        rounds: of which medians are taken.
        warmup: untimed calls of each case.
        shortest: seconds; a case that is quicker is called several times per round.
    """
    for call in cases.values():
        for number in range(warmup):
            call(number)
    calls = {
        name: max(1, math.ceil(shortest / max(once(call, 0)[1], 1e-9))) if shortest > 0 else 1
        for name, call in cases.items()
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for number in range(rounds):
        order = list(cases) if number % 2 == 0 else list(cases)[::-1]
        for name in order:
            found[name].append(once(cases[name], number, calls[name]))
    return {
        name: Timing(median(cpu for cpu, _ in times), median(wall for _, wall in times), rounds)
        for name, times in found.items()
    }


def as_dict(timings: Mapping[str, Timing]) -> dict[str, dict[str, float]]:
    return {name: asdict(timing) for name, timing in timings.items()}
