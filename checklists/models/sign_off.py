"""Who decided what at a gate, on which evidence."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from checklists.models.decision_record_rules import (
    pass_has_its_entry,
    pass_is_used_by_a_beginning,
    sign_off_has_its_entry,
)
from checklists.models.definition_rules import written_now
from checklists.models.gate_triggers import (
    four_eyes,
    pass_rests_on_the_evidence,
    quorum,
    sign_off_rests_on_the_evidence,
)
from checklists.models.item import Item
from checklists.models.masked_rows import MaskedRow, action_of, hide_words, is_summary_shown
from checklists.models.story_rules import pass_is_used_now
from checklists.models.triggers import append_only, never_deleted, only_use_is_written
from checklists.states import AttemptStatus, Decision

#: Version 1 bound a sign-off to the numbers of attempts, version 2 binds it to the content of the evidence.
DIGEST_VERSION = 2


class SignOff(MaskedRow):
    """One person's go or no-go in one seat of a gate, bound to the digest of what the screen showed.

    Never edited: a person who changes their mind signs again, and the latest decision counts.
    ``evidence`` is the list of facts as shown; ``nonce`` makes a form that is sent twice harmless.
    ``accepted_gaps`` holds the keys of the items without evidence of their own (skipped, or reconciled by a
    person) that the signer accepted by name. A no-go stands until a `NoGoAnswer` ends it.
    """

    gate = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="sign_offs")
    seat = models.SlugField(max_length=40)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sign_offs")
    decision = models.CharField(max_length=6, choices=Decision)
    reason = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    digest_version = models.PositiveSmallIntegerField(default=DIGEST_VERSION)
    accepted_gaps = ArrayField(models.SlugField(max_length=80), default=list, blank=True)
    # keys of the irreversible items behind the gate that the signer named; none before migration 0021
    accepted_irreversible = ArrayField(models.SlugField(max_length=80), default=list, blank=True)
    evidence = models.JSONField(default=list)
    attempts = ArrayField(models.UUIDField(), default=list)
    nonce = models.UUIDField(unique=True, default=uuid.uuid4)
    at = models.DateTimeField()

    class Meta:
        ordering = ["gate", "id"]
        triggers = [
            *append_only(),
            four_eyes(),
            sign_off_rests_on_the_evidence(),
            written_now(),
            sign_off_has_its_entry(),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision=Decision.GO) | ~Q(reason=""), name="a_no_go_has_a_reason"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_decision_display()} ({self.seat})"

    def hide_found_values(self, read: dict[str, Any]) -> None:
        """The sentences of actions in the lines of evidence that were on the screen."""
        for line in read.get("evidence") or ():
            verdict = AttemptStatus.SUCCEEDED if line.get("ok") else AttemptStatus.FAILED
            if line.get("attempt") and not is_summary_shown(action_of(line["attempt"]), verdict):
                hide_words(line, "summary")


class GatePass(models.Model):
    """The moment at which a gate passed on one digest of evidence. The database refuses it without quorum.

    ``used_at`` is set when the first item behind the gate begins. From then on evidence that grows old
    no longer closes the gate; evidence that changes still does.
    """

    gate = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="passes")
    digest = models.CharField(max_length=64)
    digest_version = models.PositiveSmallIntegerField(default=DIGEST_VERSION)
    at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["gate", "at"]
        triggers = [
            quorum(),
            pass_rests_on_the_evidence(),
            never_deleted(),
            only_use_is_written(),
            written_now(),
            pass_is_used_now(),
            pass_has_its_entry(),
            pass_is_used_by_a_beginning(),
        ]
        constraints = [
            models.UniqueConstraint(fields=["gate", "digest"], name="a_gate_opens_once_on_evidence")
        ]

    def __str__(self) -> str:
        return f"{self.gate_id} passed on {self.digest[:8]}"
