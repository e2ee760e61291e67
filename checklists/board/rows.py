"""The rows from which a board is computed, read with a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import F, Max, Q, QuerySet

from checklists.board.acts import ActsByPerson, read_acts
from checklists.board.gate_contents import GateContent, read_gate_contents
from checklists.board.later_facts import LaterFact, read_later_facts
from checklists.board.production import ProductionRows
from checklists.compiled_query import compiled_query
from checklists.models import (
    Attempt,
    Cutover,
    Evidence,
    GateEvidence,
    GatePass,
    Item,
    Member,
    MemberChange,
    Phase,
    SignOff,
    Tick,
    TickFile,
)
from checklists.models.audit import database_now
from checklists.models.masked_rows import action_of, are_texts_shown, are_values_hidden
from checklists.states import LIVE, AttemptStatus, Decision, Direction, Reconciliation
from integrations.row_values import HIDDEN_WORDS

T = TypeVar("T", Phase, Item, Member)


@dataclass(frozen=True)
class BoardRows:
    """The rows of one cutover. ``attempts``, ``succeeded`` and ``evidence`` hold the latest by item id."""

    cutover: Cutover
    now: datetime  # by the database's clock
    phases: list[Phase]
    items: list[Item]
    attempts: dict[int, Attempt]
    succeeded: dict[int, Attempt]
    evidence: dict[int, Evidence]
    warnings: dict[int, list[str]]  # that this evidence has, by item id
    # By item key, under whichever definition: when an effect last began and was not found not done, or when
    # the item was ticked; and the number of the latest attempt. What an amendment replaced has happened.
    began: dict[str, datetime]
    numbers: dict[str, int]
    gate_evidence: dict[int, list[GateEvidence]]  # these four by the gate's item id
    gate_contents: dict[int, GateContent]
    sign_offs: dict[int, list[SignOff]]
    passes: dict[int, list[GatePass]]
    no_gos: dict[str, list[SignOff]]  # by the gate's key, under whichever definition; with their answers
    acts: dict[int, ActsByPerson]  # by the gate's item id: who acted on its evidence
    seat_givers: Mapping[tuple[int, str], frozenset[int]]  # see `MemberChange.objects.later_assigners`
    members: list[Member]
    ticks: dict[int, Tick]  # by item id: what was handed in last, whether or not it still counts
    later: dict[int, LaterFact]  # by item id: what was observed of its subject after its evidence
    production: ProductionRows | None  # None in a rehearsal

    @classmethod
    def load(cls, cutover: Cutover) -> BoardRows:
        """Reads them with at most eighteen queries, whatever the size of the runbook.

        Two more where a preflight is evidence, and two for each one that a later run contradicts. What
        signatures are bound to is read first: when something changes meanwhile, a signature on what is
        shown is refused, and never one given on what was not shown.
        """
        gate_contents = read_gate_contents(cutover)
        pk, direction = cutover.pk, cutover.direction
        definitions, history = _of(cutover, _definitions(pk)), _begin_times_and_numbers(pk)
        phases = _of(cutover, _phases(pk))  # after the items: an amendment may add both meanwhile
        _set_phases(definitions, phases)
        ticked = {item.key: item.done_at for item in definitions if item.done_at}
        right = _latest_evidence(pk, direction)
        latest: dict[int, Evidence] = {e.item_id: e for e in right}
        asked, passes = _by_gate(_gate_evidence(pk)), _by_gate(_gate_passes(pk))
        sign_offs = _sign_offs(pk)
        now = database_now()
        return cls(
            cutover=cutover,
            now=now,
            phases=phases,
            items=[item for item in definitions if item.superseded_at is None],
            attempts={a.item_id: a for a in _latest_attempts(pk, direction)},
            succeeded={a.item_id: a for a in _succeeded_attempts(pk, direction)},
            evidence=latest,
            warnings=_read_warnings(right),
            began=ticked | {key: at for key, at, _ in history if at},
            numbers={key: number for key, _, number in history},
            gate_evidence=asked,
            gate_contents=gate_contents,
            sign_offs=_by_gate(sign_offs),
            passes=passes,
            no_gos=_find_no_gos(sign_offs, definitions),
            acts=read_acts(cutover),
            seat_givers=MemberChange.objects.later_assigners(cutover),
            members=_of(cutover, _members(pk)),
            ticks=_read_ticks(pk),
            later=read_later_facts(cutover, latest),
            production=ProductionRows.load(cutover, now),
        )

    @cached_property
    def keys(self) -> dict[int, str]:
        """The key of each present item, by its id."""
        return {item.pk: item.key for item in self.items}


def _read_warnings(evidence: Sequence[Any]) -> dict[int, list[str]]:
    """The warnings in evidence, by item id. An annotation, so that the rows do not mask it themselves."""
    found = {one.item_id: one.recorded_warnings for one in evidence if one.recorded_warnings}
    if are_values_hidden():
        actions = {one.item_id: action_of(one.attempt_id) for one in evidence if one.item_id in found}
        found |= {item: [HIDDEN_WORDS] for item, action in actions.items() if not are_texts_shown(action)}
    return found


def _of(cutover: Cutover, rows: list[T]) -> list[T]:
    for row in rows:
        row.cutover = cutover  # saves a query for each
    return rows


@compiled_query
def _phases(cutover: int) -> QuerySet[Phase]:
    return Phase.objects.filter(cutover=cutover)


@compiled_query
def _members(cutover: int) -> QuerySet[Member]:
    return Member.objects.filter(cutover=cutover).select_related("person")


@compiled_query
def _latest_attempts(cutover: int, direction: str) -> QuerySet[Attempt]:
    latest = _attempts(cutover, direction).order_by("item_id", "-number").distinct("item_id")
    return latest.select_related("requested_by", "cancel_requested_by", "reconciled_by")


@compiled_query
def _succeeded_attempts(cutover: int, direction: str) -> QuerySet[Attempt]:
    succeeded = _attempts_that_count(cutover, direction).filter(
        status__in=[AttemptStatus.SUCCEEDED, AttemptStatus.RECONCILED],
        reconciliation__in=["", Reconciliation.DONE],
    )
    return succeeded.order_by("item_id", "-number").distinct("item_id")


@compiled_query
def _latest_evidence(cutover: int, direction: str) -> QuerySet[Any]:
    """Of each item the newest that is right, without its facts but with ``recorded_warnings``, of them."""
    found = Evidence.objects.filter(attempt__in=_attempts_that_count(cutover, direction))
    right = found.filter(item__cutover=cutover, ok=True).order_by("item_id", "-observed_at")
    return right.distinct("item_id").defer("facts").annotate(recorded_warnings=F("facts__warnings"))


@compiled_query
def _gate_evidence(cutover: int) -> QuerySet[GateEvidence]:
    return GateEvidence.objects.filter(gate__cutover=cutover).order_by("position")


@compiled_query
def _gate_passes(cutover: int) -> QuerySet[GatePass]:
    return GatePass.objects.filter(gate__cutover=cutover).order_by("at")


@compiled_query
def _sign_offs(cutover: int) -> QuerySet[SignOff]:
    """Under every definition of the gates, each with the answer that a no-go may have."""
    given = SignOff.objects.filter(gate__cutover=cutover).order_by("id")
    return given.select_related("person", "answer__by")


def _attempts(cutover: int, direction: str) -> QuerySet[Attempt]:
    outdated = _made_before_the_rollback(direction)
    return Attempt.objects.filter(cutover=cutover).exclude(outdated & ~Q(status__in=LIVE))


def _attempts_that_count(cutover: int, direction: str) -> QuerySet[Attempt]:
    return _attempts(cutover, direction).exclude(_made_before_the_rollback(direction))


def _made_before_the_rollback(direction: str) -> Q:
    """Attempts that settle no item any more: made for the rollback before it was ordered.

    What was counted then counted while the new stack still wrote.
    """
    if direction == Direction.FORWARD:
        return Q(pk=None)
    return Q(direction=Direction.FORWARD, item__phase__direction=Direction.ROLLBACK)


def _find_no_gos(sign_offs: Iterable[SignOff], definitions: Iterable[Item]) -> dict[str, list[SignOff]]:
    """Every no-go that was ever given, by the gate's key: an amendment of the gate does not remove it.

    One at a gate that an amendment has added after the items were read is left out, like its gate.
    """
    found: dict[str, list[SignOff]] = defaultdict(list)
    by_id = {item.pk: item for item in definitions}
    for no_go in sign_offs:
        if no_go.decision == Decision.NO_GO and no_go.gate_id in by_id:
            no_go.gate = by_id[no_go.gate_id]
            found[no_go.gate.key].append(no_go)
    return found


def _read_ticks(cutover: int) -> dict[int, Tick]:
    """By item id, the latest tick with its files."""
    ticks = {tick.item_id: tick for tick in _latest_ticks(cutover)}
    files: dict[int, list[TickFile]] = defaultdict(list)
    for file in _tick_files(cutover) if ticks else ():
        files[file.tick_id].append(file)
    for tick in ticks.values():
        tick.set_files(files.get(tick.pk, ()))
    return ticks


@compiled_query
def _latest_ticks(cutover: int) -> QuerySet[Tick]:
    latest = Tick.objects.of_cutover(cutover).order_by("item_id", "-id").distinct("item_id")
    return latest.with_people()


@compiled_query
def _tick_files(cutover: int) -> QuerySet[TickFile]:
    return TickFile.objects.of_cutover(cutover)


@compiled_query
def _begin_times_and_numbers(cutover: int) -> QuerySet[Attempt, tuple[str, datetime | None, int]]:
    """By item key: when an effect last began, and the latest number, under whichever definition."""
    begun = ~Q(reconciliation=Reconciliation.NOT_DONE)
    by_key = Attempt.objects.filter(cutover=cutover).values_list("item__key").order_by()
    return by_key.annotate(began=Max("effect_started_at", filter=begun), latest=Max("number"))


def _set_phases(definitions: Iterable[Item], phases: Iterable[Phase]) -> None:
    """Gives each item its phase: the database would send that again with each of them."""
    by_id = {phase.pk: phase for phase in phases}
    for item in definitions:
        item.phase = by_id[item.phase_id]


@compiled_query
def _definitions(cutover: int) -> QuerySet[Item]:
    return Item.objects.filter(cutover=cutover).select_related("claimed_by", "done_by", "skipped_by")


def _by_gate(rows: Iterable[Any]) -> dict[int, list[Any]]:
    groups: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.gate_id].append(row)
    return groups
