"""What a piece of work costs: seconds on the clock, and CPU, which says more on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from tests.benchmarks.parity.servers import Bench


class Cost(NamedTuple):
    """Seconds on the clock, and CPU seconds of the server and of us."""

    seconds: float
    cpu: float

    def told_against(self, other: Cost, what: str) -> str:
        """Its CPU, and how often that of the other one."""
        return f"CPU {self.cpu:.2f} s, {self.cpu / max(other.cpu, 0.01):.2f} × {what}"


def costs_in_turns(bench: Bench, times: int, *works: Callable[[], object]) -> list[Cost]:
    """Medians of each function; they run in turns, so that a busy moment affects all of them."""
    known: list[list[Cost]] = [[] for _ in works]
    for _ in range(times):
        for work, costs in zip(works, known, strict=True):
            costs.append(_cost(bench, work))
    return [Cost(*(median(part) for part in zip(*costs, strict=True))) for costs in known]


def _cost(bench: Bench, work: Callable[[], object]) -> Cost:
    cpu, ours, started = _settled_cpu(bench), time.process_time(), time.perf_counter()
    work()
    seconds, ours = time.perf_counter() - started, time.process_time() - ours
    return Cost(seconds, _settled_cpu(bench) - cpu + ours)


def _settled_cpu(bench: Bench) -> float:
    """CPU seconds of the server, once all sessions have ended: until then nothing of them is counted."""
    while bench.has_sessions():
        time.sleep(0.02)
    return bench.cpu_seconds()
