"""Cutovers of any size: what a page costs must not depend on how long the runbook is."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from checklists.models import Cutover, LogLine, Tick
from checklists.models.audit import database_now
from checklists.states import AttemptStatus, CutoverKind
from tests.by_hand import by_hand
from tests.checklists.histories import ended, item_of, make_cutover, person


def runbook_of(items: int) -> str:
    """A runbook of that many items: ticks, actions, and a gate at the end of each phase of ten."""
    lines = ["name: sized", "title: Sized", "timezone: UTC", "systems: {}", "roles: {lead: Lead}",
             "seats: {technical: Technical, data: Data, finance: Finance}", "phases:"]  # fmt: skip
    for phase in range(items // 10):
        lines += [f"  - key: p{phase}", f"    title: Phase {phase}", "    items:"]
        for n in range(9):
            what = "kind: manual, how: Do it." if n % 2 else "kind: action, action: sample.look"
            lines.append(f"      - {{key: i{phase}-{n}, title: Item, {what}, owner: lead, planned: 1m}}")
        lines.append(
            f"      - {{key: g{phase}, title: Go, kind: gate, owner: lead, seats: [technical, data],"
            f" quorum: 2, needs: [i{phase}-0], evidence: [{{item: i{phase}-0}}]}}"
        )
    return "\n".join(lines)


def analyze() -> None:
    """What autovacuum does within a minute; it does not see the rows of a test, which are not committed."""
    with by_hand(), connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def make_busy_night(items: int) -> Cutover:
    """A production night in its middle: half of the phases are worked on, an action runs and one failed.

    In each of these phases an action succeeded and an item is ticked; a third of them has a second attempt.
    """
    now = database_now()
    window = {"window_start": now - timedelta(hours=2), "window_end": now + timedelta(hours=6)}
    cutover = make_cutover(text=runbook_of(items), kind=CutoverKind.PRODUCTION, **window)
    for phase in range(items // 20):
        for again in range(2 if phase % 3 == 0 else 1):
            ended(cutover, f"i{phase}-0", ago=timedelta(minutes=90 - phase - again))
        item = item_of(cutover, f"i{phase}-1")
        with by_hand():
            Tick.objects.create(item=item, by=person("ama"), at=now)
            type(item).objects.filter(pk=item.pk).update(done_at=now, done_by=person("ama"))
    ended(cutover, "i1-2", AttemptStatus.ERRORED)  # a failed check would contradict all the others
    attempt = ended(cutover, "i1-4", AttemptStatus.RUNNING)
    LogLine.objects.bulk_create(
        LogLine(attempt=attempt, number=n, at=now, text=f"line {n}") for n in range(1, 201)
    )
    return cutover
