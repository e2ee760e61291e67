"""Which item that took, or takes, longer than planned costs the window most."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from checklists.board import Board, ItemView
from checklists.forecast.item_times import ItemTimes
from checklists.forecast.network import Placed, Task, slack_of


@dataclass(frozen=True)
class LateItem:
    """``costs``: by how much it moves the end of the window, as far as one item tells."""

    view: ItemView
    costs: timedelta


def find_costliest(
    board: Board,
    times: Mapping[str, ItemTimes],
    tasks: Sequence[Task],
    placed: Mapping[str, Placed],
    keys: Collection[str],
) -> LateItem | None:
    """Of the items ``keys`` of the window. What is still to be done costs only what exceeds its slack."""
    left = placed.keys() & set(keys)
    last = max(left, key=lambda key: placed[key].ends, default=None)
    slack = slack_of(placed, tasks, last) if last else {}
    found = []
    for key in keys:
        over = times[key].overrun
        if over is None or (key in placed and key not in slack):
            continue
        costs = over - timedelta(seconds=slack.get(key, 0.0))
        if costs > timedelta():
            found.append(LateItem(board.items[key], costs))
    return max(found, key=lambda each: each.costs, default=None)
