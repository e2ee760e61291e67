"""The audit record: one hash chain per cutover, appended to in the transaction that it records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, models

from checklists.models.cutover import Cutover
from checklists.models.definition_rules import follows_the_head, head_is_the_last_link
from checklists.models.masked_rows import (
    MaskedRow,
    ReadFields,
    action_of,
    are_texts_shown,
    hide_finding,
    hide_words,
    is_summary_shown,
)
from checklists.models.triggers import append_only, never_deleted

GENESIS = "0" * 64
PANEL = "panel"  # the actor of what no person did


def link_hash(
    prev: str, chain: str, seq: int, at: datetime, actor: str, kind: str, payload: Mapping[str, Any]
) -> str:
    """SHA-256 over the previous hash and the canonical JSON of this link (docs/reference/record.md)."""
    body = [chain, seq, at.astimezone(UTC).isoformat(timespec="microseconds"), actor, kind, payload]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((prev + text).encode()).hexdigest()


class AuditHead(models.Model):
    """The last link of a chain. An append locks this row, as the last lock of its transaction."""

    cutover = models.OneToOneField(
        Cutover, primary_key=True, on_delete=models.PROTECT, related_name="audit_head"
    )
    seq = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)

    class Meta:
        triggers = [never_deleted(), *head_is_the_last_link()]

    def __str__(self) -> str:
        return f"{self.cutover_id}: {self.seq}"


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Appending to the record."""

    def append(
        self, cutover: Cutover, kind: str, *, by: AbstractBaseUser | None, **payload: Any
    ) -> AuditEntry:
        """Adds a link to the cutover's chain. Call it inside the transaction, after every other lock.

        ``by`` is the person, or None for the panel itself. ``payload`` is JSON without secrets.
        """
        # Numbers with a fraction become texts: jsonb gives some of them back in another form than was hashed.
        payload = json.loads(json.dumps(payload, default=str), parse_float=str)
        heads = AuditHead.objects.select_for_update().filter(cutover=cutover)
        head = heads.first()
        if head is None:
            AuditHead.objects.get_or_create(cutover=cutover)
            head = heads.get()
        at = database_now()
        actor = by.get_username() if by is not None else PANEL
        digest = link_hash(head.hash, cutover.slug, head.seq + 1, at, actor, kind, payload)
        entry = AuditEntry(
            cutover=cutover,
            seq=head.seq + 1,
            at=at,
            actor=actor,
            kind=kind,
            payload=payload,
            prev=head.hash,
            hash=digest,
        )
        entry.save(force_insert=True)
        head.seq, head.hash = entry.seq, entry.hash
        head.save(update_fields=["seq", "hash"])
        return entry


class AuditEntry(MaskedRow):
    """One link of the chain: who did what, when."""

    cutover = models.ForeignKey(Cutover, on_delete=models.PROTECT, related_name="record")
    seq = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    kind = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    prev = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["cutover", "seq"]
        triggers = [*append_only(), follows_the_head()]
        constraints = [models.UniqueConstraint(fields=["cutover", "seq"], name="a_link_once")]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"

    def hide_found_values(self, read: dict[str, Any]) -> None:
        """What an action or its probe said; what people wrote, and what the panel itself says, stays."""
        known, payload = ReadFields(read), read.get("payload")
        if not isinstance(payload, dict) or (known.kind and not known.kind.startswith("attempt.")):
            return
        action = action_of(payload.get("attempt"))
        is_hidden = not are_texts_shown(action)
        if isinstance(payload.get("finding"), dict):
            payload["finding"] = hide_finding(payload["finding"], words=is_hidden)
        by_panel = known.actor in (PANEL, "")
        if by_panel and is_hidden:
            hide_words(payload, "note")
        if by_panel and not is_summary_shown(action, str(payload.get("status"))):
            hide_words(payload, "summary")


def database_now() -> datetime:
    """The database's clock now. (``now()`` in SQL would give the beginning of the transaction.)"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
