"""How long a simulated forecast takes, as a multiple of drawing its random numbers alone.

``./panel bench forecast`` simulates a runbook of 133 items, and of 500, 10,000 times. Times depend on the
machine; the ratio to the mere drawing of as many numbers hardly does.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import django
from django.apps import apps

if not apps.ready:  # as a program of its own; under pytest it is
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cutover.settings")
    django.setup()

from checklists.forecast.network import Task
from checklists.forecast.simulation import RUNS, Spread, simulate


def make_network(items: int) -> tuple[list[Task], dict[str, Spread]]:
    """A chain with a branch at each item, where every third item is done by one of four people."""
    tasks = [
        Task(
            key=f"item-{number}",
            needs=tuple(f"item-{number - back}" for back in (1, 3) if number >= back),
            seconds=60.0 + number,
            worker=f"person {number % 4}" if number % 3 == 0 else "",
        )
        for number in range(items)
    ]
    return tasks, {task.key: Spread(task.seconds, 0.3) for task in tasks}


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds of processor time; the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def measure(items: int) -> tuple[float, float]:
    """Seconds of a simulation with so many items, and its multiple of drawing the numbers alone."""
    import numpy as np

    tasks, spreads = make_network(items)
    targets = {"half": {f"item-{items // 2}"}, "all": {task.key for task in tasks}}
    simulated = seconds_of(lambda: simulate(tasks, spreads, targets, seed=1))
    source = np.random.default_rng(1)

    def draw() -> None:
        for _ in range(items):
            source.standard_normal(RUNS, dtype=np.float32)

    return simulated, simulated / seconds_of(draw)


def main() -> int:
    """Prints one line for each size; exit code 1 when the runbook of 133 items takes 200 ms."""
    slow = False
    for items in (133, 500):
        took, ratio = measure(items)
        slow = slow or (items == 133 and took >= 0.2)
        print(f"{items} items, {RUNS} runs: {took * 1000:.0f} ms, {ratio:.1f} × the drawing of the numbers")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
