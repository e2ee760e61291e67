"""The signatures of a gate: which of them count on the evidence of now, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass

from checklists.board.gate_facts import say_too_old
from checklists.board.views import Dissent, Fact, GateRules, VoidedSignOff
from checklists.models import GatePass, SignOff
from checklists.models.sign_off import DIGEST_VERSION
from checklists.states import AttemptStatus, Decision, ItemState
from integrations.row_values import HIDDEN_WORDS

EARLIER_PANEL = (
    "it was given under an earlier version of the panel, which bound signatures to the numbers of attempts. "
    "Please sign again."
)
UNDER_WAY = (ItemState.QUEUED, ItemState.RUNNING)


@dataclass(frozen=True)
class Signatures:
    """The signatures that count and those that are void, the pass that holds, and the stale evidence."""

    digest: str
    counted: list[SignOff]
    voided: list[VoidedSignOff]
    passed: GatePass | None
    stale: list[Fact]
    dissents: list[Dissent]


def judge_signatures(
    rules: GateRules, sign_offs: list[SignOff], passes: list[GatePass], no_gos: list[SignOff]
) -> Signatures:
    """Judges by the version of the digest under which the gate passed, otherwise by the present one.

    A pass of version 1 that still holds is judged as it was then: an update of the panel closes no gate.
    """
    of_version_1 = [p for p in passes if p.digest_version == 1 and p.digest == rules.digest_of_version_1]
    digest = rules.digest_of_version_1 if of_version_1 else rules.digest
    matching = of_version_1 or [p for p in passes if p.digest == digest]
    used = matching[-1] if matching and matching[-1].used_at else None
    stale = [] if used else [fact for fact in rules.facts if fact.stale]
    current = _latest_by_person(sign_offs)
    on_digest = [s for s in current if s.digest == digest]
    counted = [] if stale else on_digest if of_version_1 else [s for s in on_digest if not rules.why_not(s)]
    dissents = [Dissent(one, _stands(one, sign_offs, of_version_1)) for one in no_gos]
    given = sum(s.decision == Decision.GO for s in counted)
    holds = used or (
        matching[-1] if matching and not stale and (of_version_1 or given >= rules.needed) else None
    )
    open_no_gos = {dissent.no_go.pk for dissent in dissents if dissent.stands}
    voided = [
        VoidedSignOff(s, _why_void(s, rules, stale))
        for s in current
        if s not in counted and s.decision == Decision.GO
    ]
    return Signatures(
        digest=digest,
        counted=[s for s in counted if s.decision == Decision.GO],
        voided=voided,
        passed=None if open_no_gos else holds,
        stale=stale,
        dissents=dissents,
    )


def _latest_by_person(sign_offs: list[SignOff]) -> list[SignOff]:
    """Each person's last sign-off, in the order in which they were given."""
    latest = {s.person_id: s for s in sign_offs}
    return sorted(latest.values(), key=lambda s: s.pk)


def _stands(no_go: SignOff, sign_offs: list[SignOff], passes_of_version_1: list[GatePass]) -> bool:
    """Nothing but its withdrawal or an answer ends a no-go.

    Under version 1 a later go of the same person withdrew it, and a pass went over it; that stays as it was.
    """
    if getattr(no_go, "answer", None) is not None:
        return False
    if no_go.digest_version >= DIGEST_VERSION:
        return True
    changed_mind = any(
        later.person_id == no_go.person_id
        and later.gate_id == no_go.gate_id
        and later.pk > no_go.pk
        and later.digest_version == 1
        and later.decision == Decision.GO
        for later in sign_offs
    )
    return not changed_mind and not any(passed.at >= no_go.at for passed in passes_of_version_1)


# ── why a signature is void ──────────────────────────────────────────────────


def _why_void(sign_off: SignOff, rules: GateRules, stale: list[Fact]) -> str:
    """Names the fact that changed since the signature, or is too old by now, or what the signer has done."""
    if sign_off.digest_version < DIGEST_VERSION:
        return EARLIER_PANEL
    if sign_off.digest == rules.digest and (why := rules.why_not(sign_off)):
        return why
    then = {line["item"]: line for line in sign_off.evidence}
    for fact in rules.facts:
        line = then.get(fact.item.key)
        name = f"{fact.item.number} {fact.item.title}"
        if line is None:
            return f"{name} was not part of what was signed."
        if line.get("content") != fact.content:
            return _say_changed(name, line, fact)
    gone = set(then) - {fact.item.key for fact in rules.facts}
    if gone:
        return f"{then[min(gone)]['number']} {then[min(gone)]['title']} is no longer part of the evidence."
    if stale:
        return next(filter(None, map(say_too_old, stale)), "The evidence is too old.")
    return _say_gaps_changed(sign_off, rules)


def _say_gaps_changed(sign_off: SignOff, rules: GateRules) -> str:
    new = [gap for gap in rules.gaps if gap.item.key not in sign_off.accepted_gaps]
    if new:
        return f"{new[0].item} was {new[0].kind} since: {new[0].reason}."
    return "what was skipped or decided by a person's word changed since: another item, person or reason."


def _say_changed(name: str, line: dict[str, object], fact: Fact) -> str:
    attempt = fact.attempt
    if attempt and attempt.status in (AttemptStatus.QUEUED, AttemptStatus.CLAIMED, AttemptStatus.RUNNING):
        return f"{name} is being done again. If the result is the same, the signature counts again."
    if HIDDEN_WORDS in (line["summary"], fact.summary):  # for people who only watch: nothing to compare
        return f"{name} has other facts than were signed."
    if line["summary"] == fact.summary:
        return f"{name} has other facts than were signed, although its summary is the same."
    return f"{name} changed: “{line['summary']}” → “{fact.summary}”."
