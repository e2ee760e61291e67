"""What production refuses and a rehearsal does not: a text that nobody confirmed, work before its window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from checklists.board.irreversible import is_named_by_a_pass
from checklists.board.views import Blocker, ItemView
from checklists.compiled_query import compiled_query
from checklists.durations import format_duration
from checklists.models import ChangeRequest, Cutover, Item
from checklists.states import ChangeDecision, ChangeKind, Direction, ItemKind
from integrations.actions import Effect, registry


@dataclass(frozen=True)
class ProductionRows:
    """What people confirmed for a production cutover. ``early`` are the ids of items with an override."""

    is_confirmed: bool  # the text of its runbook
    early: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def load(cls, cutover: Cutover, now: datetime) -> ProductionRows | None:
        """None for a rehearsal. Reads nothing that cannot matter at this moment."""
        if cutover.is_rehearsal:
            return None
        early = _read_overrides(cutover) if opens_later(cutover, now) else frozenset[int]()
        return cls(is_confirmed=is_runbook_confirmed(cutover), early=early)


def is_runbook_confirmed(cutover: Cutover) -> bool:
    """Did a second person confirm the text of this cutover's runbook for production, here or elsewhere?"""
    return bool(_confirmations(cutover.runbook.sha256))


@compiled_query
def _confirmations(sha256: str) -> QuerySet[ChangeRequest, int]:
    return ChangeRequest.objects.confirmed_texts([sha256]).order_by().values_list("pk", flat=True)[:1]


def _read_overrides(cutover: Cutover) -> frozenset[int]:
    """An override holds for the window for which it was confirmed, and for that definition of the item."""
    confirmed = ChangeRequest.objects.filter(
        cutover=cutover, kind=ChangeKind.EARLY_START, decision=ChangeDecision.CONFIRMED
    )
    return frozenset(one.item_id for one in confirmed if one.item_id and _is_of_window(one.payload, cutover))


def _is_of_window(payload: Mapping[str, Any], cutover: Cutover) -> bool:
    return bool(datetime.fromisoformat(payload["window_start"]) == cutover.window_start)


def opens_later(cutover: Cutover, now: datetime) -> bool:
    """Is the window of this cutover still to come?"""
    return cutover.window_start is not None and cutover.window_start > now


def changes_production(item: Item) -> bool:
    """Does the item start something that has an effect? An action that nobody knows here counts as one."""
    action = registry().get(item.action)
    return item.kind == ItemKind.ACTION and (action is None or action.effect_of(item.params) != Effect.PURE)


def waits_for_window(item: Item, cutover: Cutover, now: datetime, rows: ProductionRows | None) -> bool:
    """Whether production may not start this item yet.

    Items that only read, parts that the runbook declares ``before_window``, and the rollback never wait.
    """
    return (
        rows is not None
        and opens_later(cutover, now)
        and item.phase.direction == Direction.FORWARD
        and not item.phase.before_window
        and item.pk not in rows.early
        and changes_production(item)
    )


def production_blockers(
    view: ItemView,
    items: Mapping[str, ItemView],
    cutover: Cutover,
    now: datetime,
    rows: ProductionRows | None,
) -> list[Blocker]:
    """Why production may not do this item yet, beside what it needs.

    A rollback that was ordered waits neither for a confirmation of the text nor for the window.
    """
    if rows is None:
        return []
    reasons = []
    if cutover.direction != Direction.ROLLBACK or view.direction != Direction.ROLLBACK:
        reasons += _blockers_of_time(view, cutover, now, rows)
    if view.item.irreversible and not is_named_by_a_pass(view.item, items):
        reasons.append(
            Blocker(
                "Nothing takes this back, so production waits for a gate that passed with this item named in "
                "each signature. If no gate comes before it, amend the runbook."
            )
        )
    return reasons


def _blockers_of_time(view: ItemView, cutover: Cutover, now: datetime, rows: ProductionRows) -> list[Blocker]:
    if not rows.is_confirmed:
        return [
            Blocker(
                f"The text of this runbook (SHA-256 {cutover.runbook.sha256[:8]}…) waits for a second "
                "person, who confirms it for production. Nothing of it runs before that."
            )
        ]
    if not waits_for_window(view.item, cutover, now, rows):
        return []
    assert cutover.window_start is not None
    opens = cutover.window_start.astimezone(cutover.zone)
    return [
        Blocker(
            f"The window opens at {opens:%H:%M} on {opens.day} {opens:%B} ({cutover.timezone}), "
            f"in {format_duration(cutover.window_start - now)}; before it, production starts nothing that "
            "has an effect. A second person can confirm an earlier start of this item, or move the window."
        )
    ]


@dataclass(frozen=True)
class WindowState:
    """Where now lies: ``state`` is none, before, open or after; ``left`` the time to its next edge.

    Of a window that is over, ``left`` is the time since.
    """

    state: str
    left: timedelta | None = None

    @classmethod
    def at(cls, cutover: Cutover, now: datetime) -> WindowState:
        """The state of the cutover's window at this moment."""
        start, end = cutover.window_start, cutover.window_end
        if start is None or end is None:
            return cls("none")
        if now < start:
            return cls("before", start - now)
        return cls("open", end - now) if now < end else cls("after", now - end)
