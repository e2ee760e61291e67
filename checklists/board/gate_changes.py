"""Read-only queries: what a gate shows, kept small, and what differs between two looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from checklists.board.views import Fact, ItemView
from checklists.states import Decision
from integrations.actions import Effect, registry

Snapshot = dict[str, dict[str, Any]]
#: Mark of a fact → what people are told first.
MARK_WORDS = {
    "bad": "Missing or bad",
    "gap": "No evidence of its own",
    "stale": "Too old",
    "warned": "Done, with a warning",
    "seen": "Known; it judges nothing",
    "ok": "Good",
}


def mark_of(fact: Fact, *, has_passed: bool) -> str:
    """What the fact means for the decision, one of `MARK_WORDS`; not whether its process ended well."""
    if not fact.ok:
        return "bad"
    if fact.gap:
        return "gap"
    if fact.stale and not has_passed:
        return "stale"
    if fact.warnings:
        return "warned"
    return "seen" if _only_looks(fact) else "ok"


def _only_looks(fact: Fact) -> bool:
    """An action that reads and judges nothing succeeds whatever it finds."""
    action = registry().get(fact.item.action)
    return action is not None and action.effect == Effect.PURE and not action.is_check


def snapshot_of(view: ItemView) -> Snapshot:
    """What the person sees at this gate: its facts, its seats and how it stands."""
    gate = view.gate
    assert gate is not None
    has_passed = gate.passed is not None
    return {
        "facts": {
            fact.item.key: {
                "name": f"{fact.item.number} {fact.item.title}",
                "mark": mark_of(fact, has_passed=has_passed),
                "says": fact.summary,
                "try": fact.attempt.number if fact.attempt else 0,
            }
            for fact in gate.facts
        },
        "seats": {
            seat.seat: {
                "title": seat.title,
                "by": _name_of(seat.sign_off.person),
                "said": seat.sign_off.decision,
            }
            for seat in gate.seats
            if seat.sign_off
        },
        "gate": {"passed": has_passed},
    }


def _name_of(person: Any) -> str:
    return str(person.first_name or person.get_username())


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs, in sentences; empty when nothing does."""
    return [
        *_changes_of_facts(before.get("facts", {}), now["facts"]),
        *_changes_of_seats(before.get("seats", {}), now["seats"]),
        *_changes_of_gate(before.get("gate", {}), now["gate"]),
    ]


def _changes_of_facts(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key, fact in now.items():
        then = before.get(key)
        if then is None:
            yield f"{fact['name']} is new in the evidence."
        elif then["mark"] != fact["mark"]:
            was, is_now = MARK_WORDS[then["mark"]].lower(), MARK_WORDS[fact["mark"]].lower()
            yield f"{fact['name']}: it was “{was}”, and is “{is_now}” now."
        elif then["says"] != fact["says"]:
            yield f"{fact['name']} says something else: “{fact['says']}” Before: “{then['says']}”"
        elif then["try"] != fact["try"]:
            tries = f"try {then['try']} → {fact['try']}"
            yield f"{fact['name']} was done again ({tries}); the result is unchanged."
    for key in before.keys() - now.keys():
        yield f"{before[key]['name']} is no longer part of the evidence."


def _changes_of_seats(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for seat in sorted(before.keys() | now.keys()):
        then, given = before.get(seat), now.get(seat)
        if then and then != given:
            yield f"The {_said(then)} of {then['by']} ({then['title']}) no longer counts."
        if given and then != given:
            yield f"{given['by']} said {_said(given)} ({given['title']})."


def _said(sign_off: Mapping[str, str]) -> str:
    return str(Decision(sign_off["said"]).label).lower()


def _changes_of_gate(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if before.get("passed", False) != now["passed"]:
        yield "The gate passed." if now["passed"] else "The gate is shut again."
