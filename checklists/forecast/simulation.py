"""When something is done, and how sure that is: many runs through the network with durations that vary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checklists.forecast.network import Task, order_tasks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Seconds = NDArray[np.float32]

RUNS = 10_000
#: How far durations scatter (the sigma of a lognormal distribution): of what was measured, and of a plan.
MEASURED_SPREAD, PLANNED_SPREAD = 0.2, 0.45
LONGER = 8  # times a duration is drawn again that is shorter than what has passed already


@dataclass(frozen=True)
class Spread:
    """How long a task takes in all: the ``median`` and ``sigma`` of a lognormal distribution.

    ``elapsed`` seconds of it have passed already: the duration is longer than that.
    """

    median: float
    sigma: float
    elapsed: float = 0.0


@dataclass(frozen=True)
class Odds:
    """Seconds from now: one run in two, and nine in ten, are done by then."""

    p50: float
    p90: float


def simulate(
    tasks: Sequence[Task],
    spreads: Mapping[str, Spread],
    targets: Mapping[str, Set[str]],
    *,
    seed: int,
    runs: int = RUNS,
) -> dict[str, Odds]:
    """For each target, a set of keys, when the last of its tasks is done; the same seed gives the same.

    People take tasks in the same order in every run, that of the expected durations.
    """
    import numpy as np  # only where it is used: it is slow to load, and no page needs it

    by_key = {task.key: task for task in tasks}
    source = np.random.default_rng(seed)
    ends: dict[str, Seconds] = {}
    free: dict[str, Seconds] = {}
    for key in order_tasks(by_key):
        task = by_key[key]
        begins = np.full(runs, task.earliest, dtype=np.float32)
        for before in [ends[need] for need in task.needs if need in ends]:
            np.maximum(begins, before, out=begins)
        if task.worker in free:
            np.maximum(begins, free[task.worker], out=begins)
        ends[key] = begins + _draw(spreads[key], source, runs)
        if task.worker:
            free[task.worker] = ends[key]
    return {name: _odds([ends[key] for key in keys if key in ends]) for name, keys in targets.items()}


def _draw(spread: Spread, source: Any, runs: int) -> Seconds:
    """What is left of the task, in each run."""
    import numpy as np

    left: Seconds = _lognormal(spread, source, runs) - np.float32(spread.elapsed)
    for _ in range(LONGER if spread.elapsed else 0):
        over = left <= 0
        if not over.any():
            break
        left[over] = _lognormal(spread, source, int(over.sum())) - np.float32(spread.elapsed)
    np.maximum(left, np.float32(0), out=left)  # it may be done at any moment
    return left


def _lognormal(spread: Spread, source: Any, runs: int) -> Seconds:
    import numpy as np

    drawn: Seconds = source.standard_normal(runs, dtype=np.float32)
    drawn *= np.float32(spread.sigma)
    np.exp(drawn, out=drawn)
    drawn *= np.float32(spread.median)
    return drawn


def _odds(ends: list[Seconds]) -> Odds:
    import numpy as np

    if not ends:
        return Odds(0.0, 0.0)
    p50, p90 = np.percentile(np.maximum.reduce(ends), [50, 90])
    return Odds(float(p50), float(p90))
