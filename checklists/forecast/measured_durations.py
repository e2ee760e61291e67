"""How long each item took: tonight, and in the latest rehearsals of the same runbook."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import QuerySet

from checklists.compiled_query import compiled_query
from checklists.models import Attempt, AuditEntry, Cutover, GatePass, Item
from checklists.states import AttemptStatus, CutoverKind, Direction, ItemKind, Reconciliation

REHEARSALS = 3  # so many of the latest count


@dataclass(frozen=True)
class MeasuredDuration:
    """One measurement. ``elapsed`` is from when the item could begin (an action: from its start by a person)
    until it was done; ``work`` is without waiting for people and workers, None where nobody said when the
    work began. ``at`` is the end."""

    cutover: int
    elapsed: timedelta
    work: timedelta | None
    at: datetime

    @property
    def expected(self) -> timedelta:
        """What to expect of the next time: the work, or what is known."""
        return self.elapsed if self.work is None else self.work


#: Item key → measurements, the latest first.
Measurements = Mapping[str, list[MeasuredDuration]]


def read_measurements(cutover: Cutover) -> dict[str, list[MeasuredDuration]]:
    """Of this cutover and the latest `REHEARSALS` other rehearsals of its runbook.

    Rehearsals that were opened after this cutover was closed tell nothing about what was expected of it.
    """
    before = cutover.closed_at or datetime.max.replace(tzinfo=UTC)
    known = _other_rehearsals(cutover.pk, cutover.runbook.name, before)
    changing = [cutover.pk, *(pk for pk, closed_at in known if closed_at is None)]
    found = _read(changing)
    for pk in (pk for pk, closed_at in known if closed_at is not None):
        found += _read_closed(pk)
    by_key: dict[str, list[MeasuredDuration]] = defaultdict(list)
    for key, one in sorted(found, key=lambda each: each[1].at, reverse=True):
        by_key[key].append(one)
    return dict(by_key)


@compiled_query(values=3)
def _other_rehearsals(
    cutover: int, runbook: str, before: datetime
) -> QuerySet[Cutover, tuple[int, datetime | None]]:
    """The latest, opened before that moment: number, and when it was closed."""
    others = Cutover.objects.filter(runbook__name=runbook, kind=CutoverKind.REHEARSAL).exclude(pk=cutover)
    latest = others.filter(created_at__lt=before).order_by("-created_at")
    return latest.values_list("pk", "closed_at")[:REHEARSALS]


def measure_cutover(pk: int) -> dict[str, list[MeasuredDuration]]:
    """Of one cutover alone: item key → measurements, the latest first."""
    by_key: dict[str, list[MeasuredDuration]] = defaultdict(list)
    for key, one in sorted(_read([pk]), key=lambda each: each[1].at, reverse=True):
        by_key[key].append(one)
    return dict(by_key)


@lru_cache(maxsize=64)
def _read_closed(pk: int) -> list[tuple[str, MeasuredDuration]]:
    """A closed cutover never changes, so that each process reads it once."""
    return _read([pk])


def _read(cutovers: list[int]) -> list[tuple[str, MeasuredDuration]]:
    """``cutovers``: at most as many as `_passes` has values."""
    few = (*cutovers, *cutovers[:1] * (1 + REHEARSALS - len(cutovers)))  # one that stands twice counts once
    attempts = _read_attempts(few)
    passes, ordered = dict(_passes(*few)), dict(_orders(*few))
    items: dict[int, list[_MeasuredItem]] = defaultdict(list)
    for cutover, *row in _measured_items(*few):
        items[cutover].append(_MeasuredItem(*row))
    found: list[tuple[str, MeasuredDuration]] = []
    for pk, rows in items.items():
        found += _OneCutover(pk, rows, attempts, passes, ordered.get(pk)).measure()
    return found


class _MeasuredItem(NamedTuple):
    pk: int
    key: str
    kind: str
    needs: list[str]
    claimed_at: datetime | None
    done_at: datetime | None
    direction: str


@compiled_query(values=1 + REHEARSALS)
def _passes(*cutovers: int) -> QuerySet[GatePass, tuple[int, datetime]]:
    return GatePass.objects.filter(gate__cutover__in=cutovers).order_by("at").values_list("gate", "at")


@compiled_query(values=1 + REHEARSALS)
def _orders(*cutovers: int) -> QuerySet[AuditEntry, tuple[int, datetime]]:
    """When rollbacks were ordered."""
    orders = AuditEntry.objects.filter(cutover__in=cutovers, kind="rollback.ordered")
    return orders.order_by("-seq").values_list("cutover", "at")


@compiled_query(values=1 + REHEARSALS)
def _measured_items(*cutovers: int) -> QuerySet[Item, tuple[Any, ...]]:
    """The cutover, and what `_MeasuredItem` has: of all items that can have been done."""
    columns = ("pk", "key", "kind", "needs", "claimed_at", "done_at", "phase__direction")
    items = Item.objects.filter(cutover__in=cutovers).exclude(kind=ItemKind.MANUAL, done_at=None)
    return items.values_list("cutover_id", *columns)


@compiled_query(values=1 + REHEARSALS)
def _successes(*cutovers: int) -> QuerySet[Attempt, tuple[Any, ...]]:
    done = Attempt.objects.filter(cutover__in=cutovers, status=AttemptStatus.SUCCEEDED)
    reconciled = Attempt.objects.filter(cutover__in=cutovers, reconciliation=Reconciliation.DONE)
    columns = ("item_id", "queued_at", "effect_started_at", "ended_at")
    return (done | reconciled).order_by("ended_at").values_list(*columns)


def _read_attempts(cutovers: Sequence[int]) -> dict[int, list[tuple[datetime, datetime, datetime]]]:
    """Item id → (queued, begun, ended) of its successes, the earliest first."""
    found: dict[int, list[tuple[datetime, datetime, datetime]]] = defaultdict(list)
    for item, queued, begun, ended in _successes(*cutovers):
        if begun is not None and ended is not None:
            found[item].append((queued, begun, ended))
    return found


@dataclass(frozen=True)
class _OneCutover:
    pk: int
    rows: Sequence[_MeasuredItem]
    attempts: Mapping[int, list[tuple[datetime, datetime, datetime]]]
    passes: Mapping[int, datetime]  # gate's item id → when it passed last
    ordered: datetime | None  # when its rollback was ordered

    def measure(self) -> Iterable[tuple[str, MeasuredDuration]]:
        """(item key, measurement) for everything that was done."""
        ends = {row.key: end for row in self.rows if (end := self._end(row)) is not None}
        for row in self.rows:
            if row.kind == ItemKind.ACTION:
                for queued, begun, ended in self.attempts.get(row.pk, ()):
                    yield row.key, MeasuredDuration(self.pk, ended - queued, ended - begun, ended)
            elif (end := self._end(row)) is not None:
                yield from self._by_people(row, end, ends)

    def _by_people(
        self, row: _MeasuredItem, end: datetime, ends: Mapping[str, datetime]
    ) -> Iterable[tuple[str, MeasuredDuration]]:
        """A tick or a pass: from the last of its needs on; the work from when somebody took it over."""
        begins = [ends[key] for key in row.needs if key in ends]
        if row.direction == Direction.ROLLBACK and self.ordered:
            begins.append(self.ordered)
        claimed = row.claimed_at if row.claimed_at and row.claimed_at <= end else None
        ready = max(begins, default=claimed)
        if ready is None or ready > end:
            return  # nothing says when it could begin
        work = end - max(claimed, ready) if claimed and row.kind == ItemKind.MANUAL else None
        yield row.key, MeasuredDuration(self.pk, end - ready, work, end)

    def _end(self, row: _MeasuredItem) -> datetime | None:
        if row.kind == ItemKind.ACTION:
            successes = self.attempts.get(row.pk)
            return successes[-1][2] if successes else None
        if row.kind == ItemKind.GATE:
            return self.passes.get(row.pk)
        return row.done_at
