"""Read-only queries: whether people can use the service now, and until when, in words for everybody.

Only what this cutover did counts: its freezes, stops, starts and switches of traffic, replayed in the order
in which they ended. What is not known is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from checklists.board import Board, ItemView
from checklists.board.service_history import (
    FREEZE,
    NEW,
    OLD,
    TRAFFIC,
    Services,
    main_switch,
    replay_services,
    topic_of,
)
from checklists.states import CutoverStatus, Direction, ItemState


class Use(StrEnum):
    """What people can do in the service that they use."""

    WRITE = "write"
    READ = "read"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ServiceUse:
    """The first sentence of the page for everyone, without its full stop.

    ``until``: when that ends, as far as it is planned; ``overdue``: this moment has passed. ``old``, ``new``:
    a sentence about each service; ``since``: when the present state of use began.
    """

    use: Use
    words: str
    until: datetime | None = None
    overdue: bool = False
    since: datetime | None = None
    old: str = ""
    new: str = ""


def service_use(board: Board, back_at: datetime | None) -> ServiceUse:
    """Can people use the service? ``back_at``: when they are expected to be able to save again, if known."""
    if not board.cutover.is_open:
        return _after_the_end(board)
    services = replay_services(board)
    use, words, since = _use_of(board, services)
    until = back_at if use in (Use.READ, Use.NONE) else _begin_of_work(board, use, services)
    return ServiceUse(
        use=use,
        words=words,
        until=until,
        overdue=until is not None and until < board.now,
        since=since,
        old=_describe_old(services),
        new=_describe_new(services),
    )


def _after_the_end(board: Board) -> ServiceUse:
    closed = board.cutover.closed_at
    match board.cutover.status:
        case CutoverStatus.COMPLETED:
            words = "You can use the service: everyone is on the new one"
            return ServiceUse(
                Use.WRITE, words, since=closed, old="It is no longer in use.", new="Everyone uses it."
            )
        case CutoverStatus.ROLLED_BACK:
            words = "You can use the service: it is the old one, as before"
            return ServiceUse(
                Use.WRITE, words, since=closed, old="Everyone uses it, as before.", new="Nobody uses it."
            )
    services = replay_services(board)
    use, words, since = _use_of(board, services)
    return ServiceUse(use, words, since=since, old=_describe_old(services), new=_describe_new(services))


# ── what it means for people ─────────────────────────────────────────────────


def _use_of(board: Board, services: Services) -> tuple[Use, str, datetime | None]:
    """What people can do, the sentence, and since when."""
    if services.uncertain & _topics_in_use(services):
        return (
            Use.UNKNOWN,
            "We do not know at this moment whether you can use the service; we are finding out",
            None,
        )
    if _is_restoring(board):
        return Use.NONE, "You cannot use the service", services.frozen_at
    if services.on_new:
        return _use_of_new(board, services)
    if services.old_stopped_at:
        return Use.NONE, "You cannot use the service", services.old_stopped_at
    if services.frozen_at:
        return Use.READ, "You can read everything, but you cannot save anything", services.frozen_at
    return _use_of_untouched(board)


def _topics_in_use(services: Services) -> set[str]:
    return {TRAFFIC, NEW} if services.on_new else {TRAFFIC, OLD, FREEZE}


def _use_of_new(board: Board, services: Services) -> tuple[Use, str, datetime | None]:
    if services.new_stopped_at:
        return Use.NONE, "You cannot use the service", services.new_stopped_at
    failed = _failed_check(board, services.switched_at)
    if failed:
        words = "You may not be able to use the service: it did not answer as it should when we last checked"
        return Use.UNKNOWN, words, failed
    return Use.WRITE, "You can use the service: everyone is on the new one", services.switched_at


def _use_of_untouched(board: Board) -> tuple[Use, str, datetime | None]:
    """Nothing known was taken from people: as usual, unless this runbook's work cannot be seen from here."""
    if board.cutover.direction == Direction.ROLLBACK and main_switch(board):
        return Use.WRITE, "You can use the service: it is the old one, as before", None
    views = board.items.values()
    sees = any(topic_of(view, board) for view in views)
    if sees or _is_before_window(board) or not any(view.attempt or view.settled_at for view in views):
        return Use.WRITE, "You can use the service as usual", None
    words = "We are working on the service: it may be interrupted"
    return Use.UNKNOWN, words, board.cutover.window_start


def _is_before_window(board: Board) -> bool:
    start = board.cutover.window_start
    return start is not None and board.now < start


def _begin_of_work(board: Board, use: Use, services: Services) -> datetime | None:
    """Until when people can use the old service as usual: until the window begins."""
    is_usual = use == Use.WRITE and not services.on_new and board.cutover.direction == Direction.FORWARD
    return board.cutover.window_start if is_usual and _is_before_window(board) else None


def _is_restoring(board: Board) -> bool:
    """The data that people would read are being replaced."""
    views = _with_action(board, ("rollback.restore",))
    return any(view.state == ItemState.RUNNING for view in views)


def _failed_check(board: Board, since: datetime | None) -> datetime | None:
    """When the latest check of health that ended after ``since`` found that the service does not answer."""
    ended = [
        (view.attempt.ended_at, view.state)
        for view in _with_action(board, ("http.smoke",))
        if view.attempt and view.attempt.ended_at and since and view.attempt.ended_at > since
    ]
    at, state = max(ended, default=(None, ItemState.DONE))
    return at if state == ItemState.FAILED else None


def _with_action(board: Board, actions: Iterable[str]) -> list[ItemView]:
    return [view for view in board.items.values() if view.item.action in actions]


def _describe_old(services: Services) -> str:
    if services.uncertain & {OLD, FREEZE}:
        return "We do not know how it stands; we are finding out."
    if services.old_stopped_at:
        return "It is switched off."
    if services.on_new:
        return "Nobody uses it any more."
    if services.frozen_at:
        return "People can read it; nobody can save anything in it."
    return "People use it as usual."


def _describe_new(services: Services) -> str:
    if services.uncertain & {NEW, TRAFFIC}:
        return "We do not know how it stands; we are finding out."
    if services.new_stopped_at:
        return "It is switched off."
    if services.on_new:
        return "Everyone uses it."
    if services.share is None:
        return "Nobody uses it yet."
    return (
        f"About {services.share} % of the people use it already."
        if services.share
        else "A few people try it."
    )
