"""Items as a network of tasks: what comes before what, who does it, and when each ends at the earliest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush


@dataclass(frozen=True)
class Task:
    """One item. All times are seconds from now.

    ``worker`` does one task at a time; empty: a machine. Workers take tasks of a lower ``rank`` first.
    """

    key: str
    needs: tuple[str, ...]
    seconds: float
    earliest: float = 0.0
    worker: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Placed:
    """When a task begins and ends; ``after`` is what it waits for last, by its needs or its worker."""

    begins: float
    ends: float
    after: str = ""


def place_tasks(tasks: Iterable[Task]) -> dict[str, Placed]:
    """Each task as early as its needs and its worker allow, in an order in which it can be done.

    Needs that are not among the tasks count as done.
    """
    by_key = {task.key: task for task in tasks}
    free: dict[str, tuple[float, str]] = {}
    placed: dict[str, Placed] = {}
    for key in order_tasks(by_key):
        task = by_key[key]
        waits = [(placed[need].ends, need) for need in task.needs if need in placed]
        if task.worker in free:
            waits.append(free[task.worker])
        at, after = max(waits, default=(0.0, ""), key=lambda each: each[0])
        if at < task.earliest:
            at, after = task.earliest, ""
        placed[key] = Placed(at, at + task.seconds, after)
        if task.worker:
            free[task.worker] = (at + task.seconds, key)
    return placed


def order_tasks(by_key: Mapping[str, Task]) -> list[str]:
    """The keys in the order in which workers take them: what can begin first comes first.

    Tasks that wait for each other, as a rollback may ask for, are taken in the order of the file: a page
    must not fail because of them.
    """
    waiting = {key: {need for need in task.needs if need in by_key} for key, task in by_key.items()}
    followers: dict[str, list[str]] = {key: [] for key in by_key}
    for key, needs in waiting.items():
        for need in needs:
            followers[need].append(key)
    place = {key: number for number, key in enumerate(by_key)}
    ends: dict[str, float] = {}
    ready = [(task.rank, task.earliest, place[key], key) for key, task in by_key.items() if not waiting[key]]
    heapify(ready)
    order: list[str] = []
    while len(order) < len(by_key):
        if not ready:  # a circle
            stuck = next(key for key in by_key if key not in ends)
            begins = max((ends[need] for need in by_key[stuck].needs if need in ends), default=0.0)
            ready.append((0, begins, 0, stuck))
        _, begins, _, key = heappop(ready)
        if key in ends:
            continue
        ends[key] = begins + by_key[key].seconds
        order.append(key)
        for follower in followers[key]:
            waiting[follower].discard(key)
            if not waiting[follower]:
                task = by_key[follower]
                begins = max([task.earliest, *(ends[need] for need in task.needs if need in ends)])
                heappush(ready, (task.rank, begins, place[follower], follower))
    return order


def critical_path(placed: Mapping[str, Placed], last: str) -> list[str]:
    """The chain of tasks that decides when ``last`` ends, the first of them first."""
    path: list[str] = []
    key = last
    while key:
        path.append(key)
        key = placed[key].after
    return path[::-1]


def slack_of(placed: Mapping[str, Placed], tasks: Iterable[Task], last: str) -> dict[str, float]:
    """Task → seconds by which it may end later before ``last`` does; only those on which ``last`` waits."""
    end = placed[last].ends
    latest = {last: end}
    of = {task.key: task for task in tasks}
    for key in reversed(list(placed)):
        if key not in latest:
            continue
        begins = latest[key] - of[key].seconds
        for before in {*of[key].needs, placed[key].after} & placed.keys():
            latest[before] = min(latest.get(before, end), begins)
    return {key: max(0.0, at - placed[key].ends) for key, at in latest.items()}
