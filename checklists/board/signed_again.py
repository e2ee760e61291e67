"""Signatures that were void when their person signed again, with what had changed in between.

A void signature is shown as void at its gate only until then. The record keeps it for good: it is made from
both sign-offs, which nobody can edit, and not from the state of now.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID

from checklists.board.later_facts import FactChange
from checklists.board.signed_facts import SignedThen, compare_facts
from checklists.models import Cutover, Evidence, SignOff
from checklists.states import Decision

Line = dict[str, Any]


def signed_again_of(cutover: Cutover) -> list[SignedThen]:
    """The go decisions after which the same person signed the same gate on another digest; two queries."""
    pairs = list(_pairs(cutover))
    wanted = {UUID(one["attempt"]) for pair in pairs for then, now in _changed(*pair) for one in (then, now)}
    rows = Evidence.objects.filter(attempt__in=wanted) if wanted else ()
    facts = {str(one.attempt_id): one.facts for one in rows}
    return [
        SignedThen(
            sign_off=void,
            why=_why(void, again),
            changes=list(_changes(void, again, facts)),
            gate=void.gate,
            items=frozenset(),
        )
        for void, again in pairs
    ]


def _pairs(cutover: Cutover) -> Iterator[tuple[SignOff, SignOff]]:
    given: dict[tuple[str, int], list[SignOff]] = {}
    rows = SignOff.objects.filter(gate__cutover=cutover).select_related("gate", "person").order_by("pk")
    for one in rows:
        given.setdefault((one.gate.key, one.person_id), []).append(one)
    for own in given.values():
        for void, again in pairwise(own):
            if void.decision == Decision.GO and void.digest != again.digest:
                yield void, again


def _changed(void: SignOff, again: SignOff) -> Iterator[tuple[Line, Line]]:
    """The lines of both that name an attempt, and differ in their content."""
    then = {line["item"]: line for line in void.evidence}
    for line in again.evidence:
        before = then.get(line["item"], {})
        if before.get("attempt") and line.get("attempt") and before.get("content") != line.get("content"):
            yield before, line


def _changes(void: SignOff, again: SignOff, facts: dict[str, Any]) -> Iterator[FactChange]:
    for then, now in _changed(void, again):
        if then["attempt"] in facts and now["attempt"] in facts:
            for change in compare_facts(facts[then["attempt"]], facts[now["attempt"]]):
                yield FactChange(f"{now['number']} {change.subject}", change.then, change.now)


def _why(void: SignOff, again: SignOff) -> str:
    then = {line["item"]: line for line in void.evidence}
    now = {line["item"]: line for line in again.evidence}
    for item, line in now.items():
        if item not in then:
            return f"{line['number']} {line['title']} was not part of what was signed. It was signed again."
        if line.get("content") != then[item].get("content"):
            return f"{line['number']} {line['title']} changed. It was signed again."
    for item in then.keys() - now.keys():
        gone = f"{then[item]['number']} {then[item]['title']}"
        return f"{gone} is no longer part of the evidence. It was signed again."
    return "what was skipped or decided by a person's word changed since. It was signed again."
