"""What a rollback would lose, as it was counted last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min

from checklists.board import Board, ItemView
from checklists.board.board import runs_in_any_direction
from checklists.board.service_history import leads_people_to_new
from checklists.models import Attempt
from checklists.states import AttemptStatus, Direction
from integrations.row_values import entries_in, facts_in

#: It came to an answer, be it “not known”.
ANSWERED = (AttemptStatus.SUCCEEDED, AttemptStatus.FAILED)


@dataclass(frozen=True)
class LostTable:
    """The rows of one table that a rollback would lose, counted by their keys.

    ``created`` rows would be deleted, ``changed`` ones set back, ``deleted`` ones come back. ``keys``: the
    first keys of each kind, where their type may be shown. ``title``: what the runbook calls these rows.
    Where not all could be counted (``is_known`` is false), the numbers are lower bounds.
    """

    name: str
    created: int = 0
    changed: int = 0
    deleted: int = 0
    keys: Mapping[str, list[str]] = field(default_factory=dict)
    title: str = ""
    is_known: bool = True

    @property
    def rows(self) -> int:
        """All rows that differ."""
        return self.created + self.changed + self.deleted

    @property
    def state(self) -> str:
        """“nothing”, “loss” or “unknown”: not all was counted, and nothing was found so far."""
        if self.rows:
            return "loss"
        return "nothing" if self.is_known else "unknown"


@dataclass(frozen=True)
class LostAmount:
    """A sum of the created, changed or deleted rows of one table, in one group: “pending GHS”.

    ``title``: what the runbook calls these rows, else the table.
    """

    table: str
    title: str
    kind: str
    total: str
    group: str
    is_at_least: bool


@dataclass(frozen=True)
class RollbackCost:
    """The item of the rollback that counts, and its latest answer.

    ``attempt`` is the latest that reached an answer, None before the first; ``age`` is the time since.
    ``answer``: nothing, loss or unknown. ``before_order``: it was counted before the rollback was ordered,
    so that the new stack may have written since. ``people_since``: when people were first led to the new
    service, None before that; a count from before says nothing of what they wrote (``before_people``), so
    that its answer is unknown. ``tables``: those that the runbook names, also where nothing
    differs, then the others where rows differ, each with most rows first; ``amounts``: the sums of money in
    them. ``why_unknown``: part → why it could not be counted.
    """

    view: ItemView
    attempt: Attempt | None
    age: timedelta | None
    answer: str
    before_order: bool
    people_since: datetime | None = None
    before_people: bool = False
    why_unknown: Mapping[str, str] = field(default_factory=dict)
    tables: list[LostTable] = field(default_factory=list)
    amounts: list[LostAmount] = field(default_factory=list)


def find_rollback_costs(board: Board) -> list[RollbackCost]:
    """One for each item of the rollback that counts and may run at any time; empty when there is none."""
    counting = [view for view in board.items.values() if _counts(view)]
    if not counting:
        return []
    latest, people_since = _read_latest(board, counting), find_first_request(board)
    return [_cost(board, view, latest.get(view.item.key), people_since) for view in counting]


def find_first_request(board: Board) -> datetime | None:
    """When the panel began to lead the first people to the new service, however that ended; None before."""
    keys = [view.item.key for view in board.items.values() if leads_people_to_new(view.item)]
    led = Attempt.objects.filter(cutover=board.cutover, item__key__in=keys)
    first: datetime | None = led.aggregate(first=Min("effect_started_at"))["first"]
    return first


def _counts(view: ItemView) -> bool:
    return view.item.phase.direction == Direction.ROLLBACK and runs_in_any_direction(view.item)


def _read_latest(board: Board, views: list[ItemView]) -> Mapping[str, Attempt]:
    keys = [view.item.key for view in views]
    found = Attempt.objects.filter(cutover=board.cutover, item__key__in=keys, status__in=ANSWERED)
    latest = found.order_by("item__key", "-number").distinct("item__key")
    return {one.item.key: one for one in latest.select_related("item", "evidence", "requested_by")}


def _cost(
    board: Board, view: ItemView, attempt: Attempt | None, people_since: datetime | None
) -> RollbackCost:
    if attempt is None:
        return RollbackCost(view, None, None, "unknown", False, people_since)
    attempt.cutover = attempt.item.cutover = board.cutover
    facts: Mapping[str, Any] = attempt.evidence.facts if hasattr(attempt, "evidence") else {}
    loss = facts_in(facts.get("loss"))
    names = facts_in(view.item.params.get("names"))
    # One that began before the first of them came may have read the rows before they wrote any.
    began = attempt.effect_started_at
    before_people = people_since is not None and (began is None or began < people_since)
    return RollbackCost(
        view=view,
        attempt=attempt,
        age=board.now - attempt.ended_at if attempt.ended_at else None,
        answer="unknown" if before_people else str(loss.get("answer", "unknown")),
        before_order=board.cutover.direction == Direction.ROLLBACK != attempt.direction,
        people_since=people_since,
        before_people=before_people,
        why_unknown=facts_in(loss.get("unknown")),
        tables=_lost_tables(loss, names),
        amounts=list(_lost_amounts(loss, names)),
    )


def _lost_tables(loss: Mapping[str, Any], names: Mapping[str, Any]) -> list[LostTable]:
    """The named tables first. One of which nothing is told lost nothing, unless a part was not counted."""
    is_known = loss.get("answer") in ("nothing", "loss")
    counted = {name: facts_in(table) for name, table in facts_in(loss.get("tables")).items()}
    added, not_there = facts_in(loss.get("added")), entries_in(loss.get("not_there"))
    tables = [
        LostTable(
            name=name,
            created=int(counted.get(name, {}).get("created", added.get(name, 0))),
            changed=int(counted.get(name, {}).get("changed", 0)),
            deleted=int(counted.get(name, {}).get("deleted", 0)),
            keys=facts_in(counted.get(name, {}).get("keys")),
            title=str(names.get(name, "")),
            is_known=is_known and name not in not_there,
        )
        for name in names.keys() | counted.keys()
    ]
    return sorted(tables, key=lambda table: (table.name not in names, -table.rows, table.name))


def _lost_amounts(loss: Mapping[str, Any], names: Mapping[str, Any]) -> Iterator[LostAmount]:
    """Of created rows what was paid, of changed ones what is there now, of deleted ones what comes back."""
    for each in entries_in(loss.get("money")):
        table, at_least = each["table"], bool(each.get("at_least"))
        for kind, name in (("created", "groups"), ("changed", "changed_to"), ("deleted", "deleted")):
            for group in entries_in(each.get(name)):
                words = " ".join(map(str, entries_in(group.get("by"))))
                yield LostAmount(
                    table, str(names.get(table, table)), kind, str(group["sum"]), words, at_least
                )
