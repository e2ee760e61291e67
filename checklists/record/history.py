"""The history of a cutover as plain data, for the retrospective."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from checklists.board import Board, Dissent, ItemView
from checklists.models import Attempt, AuditEntry, Cutover, Note, Tick
from checklists.record.sentences import describe_entry
from checklists.states import AttemptStatus, ItemKind

#: Their result is not known yet. The attempt that reads this history is one of them.
UNFINISHED = (AttemptStatus.QUEUED, AttemptStatus.CLAIMED, AttemptStatus.RUNNING)
DECISIONS = frozenset(
    {"cutover.opened", "cutover.closed", "rollback.ordered", "gate.signed", "gate.passed"}
    | {"gate.no_go_withdrawn", "gate.no_go_answered"}
    | {"item.skipped", "item.unskipped", "attempt.reconciled"}
)


def read_history(cutover: Cutover) -> dict[str, Any]:
    """JSON-ready: title, kind, times, ``items`` with their attempts that are over and notes, ``gates`` with
    passes and void signatures, ``decisions`` and ``events`` of the record, ``rollback`` (None without one).

    Times are ISO 8601 in UTC, lengths are seconds; what is not known is None.
    """
    board = Board.load(cutover)
    entries = list(cutover.record.order_by("seq"))
    turned = next((e for e in entries if e.kind == "rollback.ordered"), None)
    return {
        "title": cutover.title,
        "kind": cutover.get_kind_display().lower(),
        "opened_at": _at(cutover.created_at),
        "closed_at": _at(cutover.closed_at),
        "items": _items(board, cutover),
        "gates": [_gate(view, entries) for view in board.items.values() if view.item.kind == ItemKind.GATE],
        "decisions": _described(e for e in entries if e.kind in DECISIONS),
        "events": _described(e for e in entries if e.kind not in DECISIONS),
        "rollback": turned and {"at": _at(turned.at), "by": turned.actor, "reason": turned.payload["reason"]},
    }


def _items(board: Board, cutover: Cutover) -> list[dict[str, Any]]:
    attempts: dict[str, list[Attempt]] = {}
    over = Attempt.objects.filter(cutover=cutover).exclude(status__in=UNFINISHED)
    for attempt in over.select_related("requested_by", "item").order_by("number"):
        attempts.setdefault(attempt.item.key, []).append(attempt)
    notes: dict[str, list[str]] = {}
    for note in Note.objects.filter(item__cutover=cutover).select_related("item").order_by("at"):
        notes.setdefault(note.item.key, []).append(note.text)
    for tick in Tick.objects.filter(item__cutover=cutover).exclude(note="").select_related("item"):
        notes.setdefault(tick.item.key, []).append(tick.note)
    return [
        {**_item(view, board, attempts.get(view.item.key, [])), "notes": notes.get(view.item.key, [])}
        for view in board.items.values()
    ]


def _item(view: ItemView, board: Board, attempts: list[Attempt]) -> dict[str, Any]:
    item = view.item
    began = next((a.effect_started_at for a in attempts if a.effect_started_at), None)
    ready = max((n.settled_at for key in item.needs if (n := board.items[key]).settled_at), default=None)
    acted = began or item.done_at
    waited = (acted - ready).total_seconds() if acted and ready and acted > ready else None
    return {
        "number": item.number,
        "key": item.key,
        "title": item.title,
        "phase": item.phase.title,
        "kind": item.kind,
        "owner": item.owner_title,
        "planned_seconds": item.planned.total_seconds() if item.planned else None,
        "waited_seconds": waited,
        "actual_seconds": view.actual.total_seconds() if view.actual else None,
        "attempts": [_attempt(attempt) for attempt in attempts],
        "state": view.state.lower(),
        "skipped_reason": item.skip_reason,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "id": str(attempt.pk),
        "number": attempt.number,
        "status": attempt.get_status_display().lower(),
        "summary": attempt.summary,
        "seconds": attempt.took.total_seconds() if attempt.took else None,
        "by": str(attempt.requested_by) if attempt.requested_by else None,
        "at": _at(attempt.effect_started_at or attempt.queued_at),
        "problem": " ".join(filter(None, map(attempt.problem.get, ("what", "means", "next")))) or None,
    }


def _gate(view: ItemView, entries: list[AuditEntry]) -> dict[str, Any]:
    assert view.gate is not None
    here = [e for e in entries if e.payload.get("gate") == view.item.key]
    return {
        "key": view.item.key,
        "title": view.item.title,
        "passes": [
            {
                "at": _at(e.at),
                "digest": e.payload["digest"],
                "signoffs": _signed_on(e.payload["digest"], here),
            }
            for e in here
            if e.kind == "gate.passed"
        ],
        "voided": [{"at": _at(v.sign_off.at), "why": v.why} for v in view.gate.voided],
        "dissents": [_dissent(one) for one in view.gate.dissents],
    }


def _dissent(one: Dissent) -> dict[str, Any]:
    """A no-go with its ending (None while it stands)."""
    answer = one.answer
    return {
        "person": one.no_go.person.get_username(),
        "seat": one.no_go.seat,
        "reason": one.no_go.reason,
        "at": _at(one.no_go.at),
        "ending": answer.ending.lower() if answer else None,
        "by": answer.by.get_username() if answer else None,
        "text": answer.text if answer else None,
        "ended_at": _at(answer.at) if answer else None,
    }


def _signed_on(digest: str, entries: list[AuditEntry]) -> list[dict[str, Any]]:
    signed = [e for e in entries if e.kind == "gate.signed" and e.payload["digest"] == digest]
    return [_sign_off(e) for e in signed]


def _sign_off(entry: AuditEntry) -> dict[str, Any]:
    payload = entry.payload
    return {
        "seat": payload.get("seat"),
        "person": entry.actor,
        "decision": payload.get("decision"),
        "reason": payload.get("reason"),
        "at": _at(entry.at),
    }


def _described(entries: Iterable[AuditEntry]) -> list[dict[str, Any]]:
    return [{"at": _at(e.at), "by": e.actor, "what": describe_entry(e)} for e in entries]


def _at(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None
