"""Verifies the record of a cutover, and exports it so that it verifies without the panel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db.models import Max

from checklists import verify_record
from checklists.models import AuditEntry, AuditHead, Cutover
from checklists.models.audit import GENESIS, database_now
from checklists.verify_record import FORMAT, Verdict, verify_links

#: Stands alone: copied beside an export, it verifies it with nothing but Python.
VERIFIER = Path(verify_record.__file__)


def verify(cutover: Cutover) -> Verdict:
    """Walks the whole chain as it stands in the database. Links appended meanwhile are not looked at."""
    head = _head(cutover)
    verdict = verify_links(cutover.slug, _links(cutover, head["seq"]), head)
    newest = AuditEntry.objects.filter(cutover=cutover).aggregate(newest=Max("seq"))["newest"] or 0
    if verdict.ok and newest > _head(cutover)["seq"]:  # read in this order: the panel moves both at once
        why = f"There are links up to {newest} behind the end of the chain: they were added by hand."
        return Verdict(False, verdict.links, verdict.head, verdict.links + 1, why)
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
    # A chain with links and without a head row was cut off from it: let the verification say so.
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
