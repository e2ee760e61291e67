"""The attempt that an item waits for while the autopilot plays."""

from __future__ import annotations

from collections.abc import Callable

from checklists.board import ItemView
from checklists.models import Attempt
from checklists.states import LIVE, AttemptStatus


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
