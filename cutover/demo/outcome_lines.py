"""How an item ended, in lines for the terminal."""

from __future__ import annotations

from checklists.board import ItemView
from checklists.models import Attempt
from checklists.states import ItemState

LOG_LINES = 12  # shown of a failed attempt


def what_went_wrong(attempt: Attempt | None) -> list[str]:
    """The verdict, the problem in its three parts, and the last lines of the log."""
    if attempt is None:
        return []
    last = list(attempt.lines.order_by("-number")[:LOG_LINES])[::-1]
    words = [attempt.summary, *map(str, attempt.problem.values()), attempt.unknown_reason]
    return [word for word in words if word] + [f"    {line.number:>4} {line.text}" for line in last]


def result_line(view: ItemView) -> str:
    """The result of an item in one line: summary and digest of its evidence, or who signed."""
    if view.gate is not None:
        names = [seat.sign_off.person.get_full_name() for seat in view.gate.seats if seat.sign_off]
        return f"\n        go: {', '.join(names)} on {view.gate.digest[:8]}"
    if view.attempt is None:
        return ""
    digest = f" [{view.evidence.digest[:8]}]" if view.evidence else ""
    return f"\n        {view.attempt.summary}{digest}"


def describe_failure(view: ItemView) -> str:
    """The item, its state, what it waits for, and what went wrong, in lines."""
    lines = [f"✗ {view.item.number} {view.item.title}: {ItemState(view.state).label.lower()}."]
    lines += [f"  {blocker.what}" for blocker in view.blockers]
    if view.gate is not None:
        lines += [f"  {blocker.what}" for blocker in view.gate.blockers]
    if view.attempt is not None:
        lines += [f"  {line}" for line in what_went_wrong(view.attempt)]
    return "\n".join(line for line in lines if line.strip())
