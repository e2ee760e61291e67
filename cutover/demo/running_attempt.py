"""What the autopilot reads of the database while it plays: items, and the attempt that one waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.db import connection

from checklists.board import ItemView
from checklists.models import Attempt
from checklists.states import LIVE, AttemptStatus


def close_broken_connection() -> None:
    """Keeps one that works: through a new one the server plans every query again."""
    if connection.connection is not None and not connection.is_usable():
        connection.close()


def find_again(view: ItemView, views: Iterable[ItemView]) -> ItemView:
    """The same item in what was read later."""
    return next(now for now in views if now.item.pk == view.item.pk)


def read_running_attempt(view: ItemView) -> Attempt | None:
    """The item's attempt that is queued or runs; the whole board takes ten times as long to read."""
    waiting = LIVE - {AttemptStatus.UNKNOWN}
    return Attempt.objects.filter(item=view.item, status__in=waiting).order_by("-number").first()


def pass_on_lines(attempt: Attempt, seen: int, pass_on: Callable[[str], None]) -> int:
    """Passes on the lines of its log after number ``seen``; gives the number of the last."""
    for line in attempt.lines.filter(number__gt=seen).order_by("number"):
        pass_on(line.text)
        seen = line.number
    return seen
