"""Which facts changed since a signature that is void by now, each with both values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from checklists.board.board import Board
from checklists.board.later_facts import FactChange
from checklists.board.views import Fact, GateView, VoidedSignOff
from checklists.models import Evidence, Item, SignOff
from integrations.moving_facts import without_moving

#: Members by which an entry of a list is named, where all of them have it and it differs.
NAMES = ("identity", "name", "table", "key", "subject", "path", "id")
LONGEST = 120


@dataclass(frozen=True)
class SignedThen:
    """A void sign-off with the facts that changed since it was given.

    ``gate`` is the item of the gate; ``items``: the keys of the items whose content changed.
    """

    sign_off: SignOff
    why: str
    changes: list[FactChange]
    gate: Item
    items: frozenset[str]


def compare_with_signed(*gates: GateView) -> list[SignedThen]:
    """The void sign-offs of the gates. Reads the evidence of then and of now with one query for all."""
    voided = [(gate, void, list(_changed_attempts(void, gate))) for gate in gates for void in gate.voided]
    wanted = {UUID(attempt) for *_, pair in voided for _, then, now in pair for attempt in (then, now)}
    rows = Evidence.objects.filter(attempt__in=wanted) if wanted else ()
    facts = {str(one.attempt_id): one.facts for one in rows}
    return [
        SignedThen(
            sign_off=void.sign_off,
            why=void.why,
            changes=[change for one in pair for change in _changes(one, facts)],
            gate=gate.item,
            items=_changed_items(void, gate),
        )
        for gate, void, pair in voided
    ]


def voided_of(board: Board) -> list[SignedThen]:
    """The void sign-offs of all gates of a cutover, in the runbook's order."""
    return compare_with_signed(*(view.gate for view in board.items.values() if view.gate is not None))


def _changed_items(void: VoidedSignOff, gate: GateView) -> frozenset[str]:
    then = {line["item"]: line.get("content") for line in void.sign_off.evidence}
    return frozenset(fact.item.key for fact in gate.facts if then.get(fact.item.key) != fact.content)


def _changed_attempts(void: VoidedSignOff, gate: GateView) -> Iterator[tuple[Fact, str, str]]:
    """Each fact with other content than was signed: its attempt of then and of now."""
    then = {line["item"]: line for line in void.sign_off.evidence}
    for fact in gate.facts:
        line = then.get(fact.item.key, {})
        if line.get("attempt") and fact.attempt and line.get("content", {}) != fact.content:
            yield fact, line["attempt"], str(fact.attempt.pk)


def _changes(one: tuple[Fact, str, str], facts: Mapping[str, Any]) -> list[FactChange]:
    fact, then, now = one
    if then not in facts or now not in facts:
        return []
    return [
        FactChange(f"{fact.item.number} {change.subject}", change.then, change.now)
        for change in compare_facts(facts[then], facts[now])
    ]


def compare_facts(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[FactChange]:
    """Every value that differs, by its place, without facts that move by themselves."""
    before, after = (dict(_flatten(_signed_part(facts))) for facts in (then, now))
    return [
        FactChange(place, _shown(before.get(place)), _shown(after.get(place)))
        for place in [*before, *(place for place in after if place not in before)]
        if before.get(place) != after.get(place)
    ]


def _signed_part(facts: Mapping[str, Any]) -> dict[str, Any]:
    """As `executor.writers.evidence.signed_content`, in words: of a preflight its verdicts."""
    content: dict[str, Any] = without_moving(facts)
    if results := (content.get("preflight") or {}).get("results"):
        content["preflight"] = {one.get("subject", ""): one.get("verdict") for one in results}
    return content


def _flatten(facts: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    members: Any = ()
    if isinstance(facts, Mapping):
        members = facts.items()
    elif isinstance(facts, list):
        members = _named(facts)
    if not members:
        yield place, facts
    for name, value in members:
        yield from _flatten(value, f"{place}.{name}".lstrip("."))


def _named(entries: list[Any]) -> list[tuple[Any, Any]]:
    for name in NAMES:
        if all(isinstance(entry, Mapping) and name in entry for entry in entries):
            names = [str(entry[name]) for entry in entries]
            if len(set(names)) == len(names):
                return list(zip(names, entries, strict=True))
    return list(enumerate(entries, 1))


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
