"""The chain of entries in a cutover's record: verified, and exported so that it verifies alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.db.models import F, Func, Max, TextField
from django.db.models.functions import Cast

from checklists.canonical import canonical_of, json_text
from checklists.models import AuditEntry, AuditHead, Cutover
from checklists.models.audit import GENESIS, database_now
from checklists.record import verify_record
from checklists.record.verify_record import FORMAT, ChainVerdict, verify_links

#: Copied beside an export; it verifies the export with Python alone.
VERIFIER = Path(verify_record.__file__)

#: The moment as `_utc` writes it. PostgreSQL writes 10,000 in a tenth of the time that Python takes.
AT_TEXT = Func(
    F("at"),
    template="to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')",
    output_field=TextField(),
)


def verify(cutover: Cutover) -> ChainVerdict:
    """Verifies the chain in the database up to its present head; later links are ignored."""
    head = _head(cutover)
    verdict = _verify_whole(cutover, head) or verify_links(cutover.slug, _links(cutover, head["seq"]), head)
    newest = AuditEntry.objects.filter(cutover=cutover).aggregate(newest=Max("seq"))["newest"] or 0
    # The head is read last: link and head are written in one transaction.
    if verdict.ok and newest > _head(cutover)["seq"]:
        why = f"There are links up to {newest} behind the end of the chain: they were added by hand."
        return ChainVerdict(False, verdict.links, verdict.head, verdict.links + 1, why)
    return verdict


def _verify_whole(cutover: Cutover, head: Mapping[str, Any]) -> ChainVerdict | None:
    """The verdict on a chain that is whole; None for every other one, of which `verify_links` says why.

    It makes the hash of every link as `verify_record.link_hash` does, in a third of the time: the page of the
    record waits for 10,000 of them.
    """
    chain, quoted = json_text(cutover.slug), cache(json_text)
    prev, seq = GENESIS, 0
    for number, at, actor, kind, payload, before, digest in _rows(cutover, head["seq"]):
        seq += 1
        content = canonical_of(payload)
        text = f'{prev}[{chain},{number},"{at}",{quoted(actor)},{quoted(kind)},{content}]'
        if number != seq or before != prev or sha256(text.encode()).hexdigest() != digest:
            return None
        prev = digest
    return ChainVerdict(True, seq, prev, 0, "") if (seq, prev) == (head["seq"], head["hash"]) else None


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
    for seq, at, actor, kind, payload, prev, digest in _rows(cutover, upto):
        values = (seq, at, actor, kind, json.loads(payload), prev, digest)
        yield dict(zip(verify_record.FIELDS, values, strict=True))


def _rows(cutover: Cutover, upto: int | None) -> Iterator[tuple[Any, ...]]:
    """The links in their order, with the columns that `verify_record.FIELDS` names; the payload is a text."""
    links = AuditEntry.objects.filter(cutover=cutover).order_by("seq")
    if upto is not None:
        links = links.filter(seq__lte=upto)
    texts = links.annotate(at_text=AT_TEXT, payload_text=Cast("payload", TextField()))
    columns = ("seq", "at_text", "actor", "kind", "payload_text", "prev", "hash")
    return texts.values_list(*columns).iterator(chunk_size=1000)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
