"""Nights of the customer's runbook, ended by hand up to a moment: what mission control has to show."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from checklists import services
from checklists.board import Board
from checklists.forecast.simulated import store_simulation
from checklists.models import Attempt, Cutover, Item, LogLine
from checklists.models.audit import database_now
from checklists.revision import read_revisions
from checklists.states import AttemptStatus, CutoverKind, Direction, ItemKind
from tests.by_hand import by_hand
from tests.checklists.histories import ended, make_cutover, person
from tests.customer_runbook import RUNBOOK

LINES = ("donations  1 204 311 rows  equal", "event_rsvps  88 120 rows  equal")
STATES = ("before", "running", "late", "rollback", "ended")


def open_night(kind: CutoverKind = CutoverKind.PRODUCTION) -> Cutover:
    """A cutover three hours before its window."""
    opens = database_now() + timedelta(hours=3)
    window = {"window_start": opens, "window_end": opens + timedelta(hours=5)}
    cutover = make_cutover(kind=kind, text=RUNBOOK.read_text(), **window)
    with by_hand():
        Cutover.objects.filter(pk=cutover.pk).update(title="Covenant Connect")
    return Cutover.objects.get(pk=cutover.pk)


def move_to(cutover: Cutover, state: str) -> None:
    """Lets the night go on to the next of `STATES`; what was simulated before is simulated again."""
    now = database_now()
    if state == "running":
        _change(cutover, window_start=now - timedelta(hours=2), window_end=now + timedelta(hours=3))
        cutover.refresh_from_db()
        items = [view.item for view in Board.load(cutover).items.values()]
        forward = [item for item in items if item.phase.direction == Direction.FORWARD]
        _work_through(cutover, forward, now - timedelta(hours=2), now)
    elif state == "late":
        _change(cutover, window_end=now + timedelta(minutes=5))
    elif state == "rollback":
        services.order_rollback(cutover=cutover, by=person("ama"), reason="The totals are off.")
    elif state == "ended":
        _change(cutover, status="ABANDONED", closed_at=now)
    cutover.refresh_from_db()
    if cutover.is_open:
        store_simulation(cutover, read_revisions([cutover.pk])[cutover.pk], seed=7)


def _change(cutover: Cutover, **columns: object) -> None:
    with by_hand():
        Cutover.objects.filter(pk=cutover.pk).update(**columns)


def _work_through(cutover: Cutover, items: Iterable[Item], opened: datetime, now: datetime) -> None:
    """Each item in turn, for two thirds of its plan or twice it; the last one still runs."""
    at = opened
    for n, item in enumerate(items):
        length = (item.planned or timedelta(minutes=2)) * (2 if n % 7 == 3 else 0.6)
        length = min(length, timedelta(minutes=15))
        if item.kind == ItemKind.ACTION and at + length > now - timedelta(minutes=12):
            _run(cutover, item, now - timedelta(minutes=12))
            return
        _end(item, at, at + length)
        at += length


def _end(item: Item, begins: datetime, ends: datetime) -> None:
    if item.kind == ItemKind.ACTION:
        attempt = ended(item.cutover, item.key, summary=f"{item.title}: as wanted.")
        times = {"queued_at": begins, "claimed_at": begins, "effect_started_at": begins, "ended_at": ends}
        with by_hand():
            Attempt.objects.filter(pk=attempt.pk).update(**times)
    elif item.kind == ItemKind.MANUAL:
        services.skip_item(item=item, by=person("ama"), reason="Done before.")
        with by_hand():
            Item.objects.filter(pk=item.pk).update(skipped_at=ends)


def _run(cutover: Cutover, item: Item, begins: datetime) -> None:
    attempt = ended(cutover, item.key, AttemptStatus.RUNNING)
    with by_hand():
        Attempt.objects.filter(pk=attempt.pk).update(
            queued_at=begins, effect_started_at=begins, progress_done=14, progress_total=22
        )
        for number, text in enumerate(LINES, 1):
            LogLine.objects.create(attempt=attempt, number=number, at=begins, text=text)
