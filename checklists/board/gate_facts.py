"""The evidence of a gate: each fact as it is shown, and the content of it to which a signature is bound."""

from __future__ import annotations

from typing import Any

from checklists.board.gate_contents import NOT_COMPUTED
from checklists.board.rows import BoardRows
from checklists.board.views import Blocker, EvidenceGap, Fact, ItemView, ItemViews
from checklists.canonical import digest_of
from checklists.durations import format_duration
from checklists.models import GateEvidence
from checklists.states import SETTLED, AttemptStatus, ItemKind, ItemState, Reconciliation


def read_facts(gate: ItemView, items: ItemViews, rows: BoardRows) -> list[Fact]:
    """The facts for which the gate asks, in the runbook's order."""
    return [_fact(gate, asked, items, rows) for asked in rows.gate_evidence.get(gate.item.pk, [])]


def _fact(gate: ItemView, asked: GateEvidence, items: ItemViews, rows: BoardRows) -> Fact:
    view = items[rows.keys[asked.item_id]]
    at = view.settled_at if view.state in (ItemState.DONE, ItemState.SKIPPED) else None
    evidence = view.evidence if view.state == ItemState.DONE else None
    if evidence:
        at = evidence.observed_at
    handed_in = view.tick.as_facts() if view.tick else {}
    return Fact(
        item=view.item,
        attempt=view.attempt,
        ok=view.settled,
        missing=view.attempt is None and not view.settled,
        summary=_summary(view),
        found_summary=_summary(view, masked=False),
        digest=evidence.digest if evidence else _digest_of_version_1(view, handed_in),
        content=_content(gate, view, rows),
        observed_at=at,
        age=view.age if evidence else rows.now - at if at else None,
        fresh_for=asked.fresh_for or view.item.fresh_for,
        evidence=evidence,
        warnings=view.warnings,
        handed_in=handed_in,
        gap=_gap(view),
    )


def _digest_of_version_1(view: ItemView, handed_in: dict[str, Any]) -> str:
    """Without evidence; when nothing was handed in, it is what the first signatures of all have."""
    return digest_of([view.state, view.settled_at, *([handed_in] if handed_in else [])])


def _content(gate: ItemView, view: ItemView, rows: BoardRows) -> dict[str, Any]:
    """What was found or done, without when it was and in which attempt.

    The database says it. Where the board is stricter (a gate before whose evidence is too old by now), its
    state counts.
    """
    computed = rows.gate_contents.get(gate.item.pk, NOT_COMPUTED).facts
    content = computed.get(view.item.key, {"item": view.item.key, "state": view.state})
    if content["state"] in SETTLED and not view.settled:
        return {**content, "state": view.state}
    return content


def _summary(view: ItemView, *, masked: bool = True) -> str:
    """What was found, in a line; not ``masked`` for digests, which are the same for everybody."""
    if view.state == ItemState.SKIPPED:
        return f"Skipped by {view.item.skipped_by}: {view.item.skip_reason}"
    if view.state == ItemState.NOT_NEEDED:
        return f"Not needed. {view.why_not_needed}"
    if view.item.done_by:
        return _describe_tick(view)
    if view.state == ItemState.CONTRADICTED:
        return str(view.later)
    if view.gate:
        return f"{view.gate.given} of {view.gate.needed} signed"
    if view.attempt and view.state not in (ItemState.BLOCKED, ItemState.READY):
        said = view.attempt.summary if masked else view.attempt.as_found("summary")
        return said or view.attempt.get_status_display()
    return "Nothing yet"


def _describe_tick(view: ItemView) -> str:
    """Who ticked it, for whom, and who confirmed it."""
    tick = view.tick
    done_for = f" on behalf of {tick.done_for}" if tick and tick.done_for else ""
    confirmed = f", confirmed by {tick.confirmed_by}" if tick and tick.confirmed_by else ""
    return f"Ticked by {view.item.done_by}{done_for}{confirmed}"


# ── gaps ─────────────────────────────────────────────────────────────────────


def find_gaps(gate: ItemView, items: ItemViews, rows: BoardRows) -> list[EvidenceGap]:
    """Each skip and each person's word in place of evidence, in the runbook's order.

    Covers the evidence, what the gate needs, and what these need, up to the gates before: those accepted
    their own. `gate_rules.gaps_of` reads the same from the rows.
    """
    lines = rows.gate_evidence.get(gate.item.pk, [])
    evidence = {rows.keys[line.item_id] for line in lines if line.item_id in rows.keys}
    waiting = list(evidence)
    found, direction = set[str](), gate.direction
    needed = list(gate.item.needs)
    while waiting or needed:
        key = waiting.pop() if waiting else needed.pop()
        view = items.get(key)
        if view is None or key in found or view.item.kind == ItemKind.GATE:
            continue
        if key in evidence or view.direction == direction:
            found.add(key)
            needed += view.item.needs
    return [gap for key, view in items.items() if key in found and (gap := _gap(view))]


def _gap(view: ItemView) -> EvidenceGap | None:
    item, attempt = view.item, view.attempt
    if item.skipped_by:
        return EvidenceGap(item, "skipped", item.skipped_by_id, str(item.skipped_by), item.skip_reason)
    if (
        attempt
        and attempt.status == AttemptStatus.RECONCILED
        and attempt.reconciliation == Reconciliation.DONE
        and attempt.reconciled_by_id
    ):
        return EvidenceGap(
            item, "reconciled", attempt.reconciled_by_id, str(attempt.reconciled_by), attempt.summary
        )
    return None


# ── blockers ─────────────────────────────────────────────────────────────────


def list_blockers(view: ItemView, facts: list[Fact], stale: list[Fact]) -> list[Blocker]:
    """What its evidence lacks and what else has to be done before, without naming an item twice."""
    objections = [b for fact in facts if (b := _objection(fact, stale))]
    named = {fact.item.pk for fact in facts}
    return [b for b in view.blockers if b.item is None or b.item.pk not in named] + objections


def _objection(fact: Fact, stale: list[Fact]) -> Blocker | None:
    name = f"{fact.item.number} {fact.item.title}"
    if not fact.ok:
        return Blocker(f"{name}: {fact.summary[:1].lower()}{fact.summary[1:]}", fact.item)
    if fact in stale and (old := say_too_old(fact)):
        return Blocker(f"{old} Do it again.", fact.item)
    return None


def say_too_old(fact: Fact) -> str:
    """That a fact is older than its gate accepts; empty when it is not known how old it is."""
    if not (fact.age and fact.fresh_for):
        return ""
    return (
        f"{fact.item.number} {fact.item.title} is {format_duration(fact.age)} old; "
        f"this gate asks for less than {format_duration(fact.fresh_for)}."
    )
