"""The chain of entries in a cutover's record: verified, and exported so that it verifies alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db.models import Max

from checklists.models import AuditEntry, AuditHead, Cutover
from checklists.models.audit import GENESIS, database_now
from checklists.record import verify_record
from checklists.record.verify_record import FORMAT, ChainVerdict, verify_links

#: Copied beside an export; it verifies the export with Python alone.
VERIFIER = Path(verify_record.__file__)


def verify(cutover: Cutover) -> ChainVerdict:
    """Verifies the chain in the database up to its present head; later links are ignored."""
    head = _head(cutover)
    verdict = verify_links(cutover.slug, _links(cutover, head["seq"]), head)
    newest = AuditEntry.objects.filter(cutover=cutover).aggregate(newest=Max("seq"))["newest"] or 0
    if (
        verdict.ok and newest > _head(cutover)["seq"]
    ):  # the head is read last: link and head are written in one transaction
        why = f"There are links up to {newest} behind the end of the chain: they were added by hand."
        return ChainVerdict(False, verdict.links, verdict.head, verdict.links + 1, why)
    return verdict


def export(cutover: Cutover) -> str:
    """The whole chain as JSON (docs/reference/record.md)."""
    head = _head(cutover)
    record = {
        "format": FORMAT,
        "cutover": {
            "slug": cutover.slug,
            "title": cutover.title,
            "kind": cutover.kind,
            "runbook": cutover.runbook.sha256,
        },
        "exported_at": _utc(database_now()),
        "head": head,
        "links": list(_links(cutover, head["seq"])),
    }
    return json.dumps(record, indent=1, ensure_ascii=False) + "\n"


def _head(cutover: Cutover) -> dict[str, Any]:
    head = AuditHead.objects.filter(cutover=cutover).values("seq", "hash").first()
    if head is not None:
        return dict(head)
    # Somebody deleted the head row: the verification must fail.
    return {"seq": 0, "hash": GENESIS} if not cutover.record.exists() else {"seq": None, "hash": None}


def _links(cutover: Cutover, upto: int | None) -> Iterator[dict[str, Any]]:
    links = AuditEntry.objects.filter(cutover=cutover).order_by("seq")
    if upto is not None:
        links = links.filter(seq__lte=upto)
    fields = verify_record.FIELDS
    for link in links.values(*fields).iterator(chunk_size=1000):
        yield {**{name: link[name] for name in fields}, "at": _utc(link["at"])}


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
