"""What the record says of attempts and their evidence, and where the rows differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models.expressions import RawSQL

from checklists.models import Attempt, AuditEntry, Cutover, Evidence
from checklists.states import AttemptStatus, Reconciliation

A = AttemptStatus
#: A claim leaves no entry: nothing has happened yet.
WAITING = frozenset({A.QUEUED.value, A.CLAIMED.value})
#: SHA-256 of the facts as they are stored. The digest of the evidence leaves out what moves by itself.
STORED_FACTS = RawSQL("encode(sha256(convert_to(checklists_evidence.facts::text, 'UTF8')), 'hex')", [])


def evidence_as_recorded(attempt: Attempt) -> dict[str, str]:
    """Digest and facts (SHA-256) of an attempt's evidence, for its entry; empty when it has none."""
    found = Evidence.objects.filter(attempt=attempt).annotate(stored=STORED_FACTS)
    return {"evidence": one.digest, "facts": one.stored} if (one := found.defer("facts").first()) else {}


@dataclass
class RecordedAttempt:
    """One attempt after all of its entries; ``statuses`` are those that its row may have."""

    item: str
    number: int
    starter: str
    statuses: frozenset[str] = WAITING
    reconciliation: str = ""
    evidence: dict[str, str] = field(default_factory=dict)  # empty in entries of earlier panels

    @property
    def name(self) -> str:
        """For a sentence."""
        return f"attempt {self.number} of {self.item}"


@dataclass
class RecordedAttempts:
    """All attempts of a cutover, by their id."""

    known: dict[str, RecordedAttempt] = field(default_factory=dict)

    def read(self, entry: AuditEntry) -> None:
        """Takes the next entry into account; the rollback's cancels what waits."""
        payload = entry.payload
        if entry.kind == "rollback.ordered":
            for waiting in self.known.values():
                if waiting.statuses == WAITING:
                    waiting.statuses = frozenset({A.CLAIMED.value, A.CANCELLED.value})
        elif entry.kind == "attempt.started":
            self.known[payload["attempt"]] = RecordedAttempt(payload["item"], payload["number"], entry.actor)
        elif (one := self.known.get(payload.get("attempt", ""))) is not None:
            one.statuses = _statuses_after(entry.kind, payload, one.statuses)
            one.evidence = {name: payload[name] for name in ("evidence", "facts") if name in payload}
            if entry.kind == "attempt.reconciled":
                one.reconciliation = payload.get("found") or payload["finding"]["seen"]

    def differences(self, cutover: Cutover) -> Iterator[str]:
        """Each row that differs from the record, in words."""
        rows = Attempt.objects.filter(cutover=cutover).select_related("item", "requested_by")
        present = {str(row.pk): row for row in rows.order_by("queued_at", "number")}
        kept = Evidence.objects.filter(attempt__cutover=cutover).annotate(stored=STORED_FACTS)
        evidence = {str(one.attempt_id): one for one in kept.defer("facts")}
        for key, one in self.known.items():
            if key not in present:
                yield f"{one.name}: the record has it, the table does not."
            else:
                yield from _compare(one, present[key], evidence.get(key))
        for key, row in present.items():
            if key not in self.known:
                yield f"attempt {row.number} of {row.item.key}: the table has it, the record does not."


def _statuses_after(kind: str, payload: Mapping[str, Any], before: frozenset[str]) -> frozenset[str]:
    match kind:
        case "attempt.began":
            return frozenset({A.RUNNING.value})
        case "attempt.ended":
            return frozenset({payload["status"]})
        case "attempt.lost":
            return frozenset({A.UNKNOWN.value})
        case "attempt.reconciled":
            return frozenset({A.RECONCILED.value})
        case "attempt.requeued":  # one that was to be cancelled is not queued again
            return WAITING | {A.CANCELLED.value}
        case "attempt.cancelled" if payload.get("at_once"):
            return frozenset({A.CANCELLED.value})
    return before


def _compare(recorded: RecordedAttempt, row: Attempt, evidence: Any) -> Iterator[str]:
    starter = row.requested_by.get_username() if row.requested_by else ""
    if row.status not in recorded.statuses:
        allowed = " or ".join(sorted(recorded.statuses))
        yield f"{recorded.name}: the record says {allowed}, the table has {row.status}."
    for what, said, has in (
        ("its item", recorded.item, row.item.key),
        ("its number", str(recorded.number), str(row.number)),
        ("who started it", recorded.starter, starter),
        ("what was found", recorded.reconciliation, row.reconciliation),
    ):
        if said != has:
            both = f"the record says {said or 'nothing'}, the table has {has or 'nothing'}."
            yield f"{recorded.name}, {what}: {both}"
    has_verdict = row.status in (A.SUCCEEDED, A.FAILED) or row.reconciliation == Reconciliation.DONE
    if has_verdict != (evidence is not None):
        state = "is missing" if has_verdict else "is there without a verdict"
        yield f"{recorded.name}: its evidence {state}."
    if evidence and recorded.evidence:
        kept = {"evidence": evidence.digest, "facts": evidence.stored}
        yield from (
            f"{recorded.name}, {name} (SHA-256): the record says {wanted}, the table has {kept[name]}."
            for name, wanted in recorded.evidence.items()
            if kept[name] != wanted
        )
    if evidence and evidence.ok != (row.status != A.FAILED):
        yield f"{recorded.name}: its evidence says {'yes' if evidence.ok else 'no'}, it itself {row.status}."
