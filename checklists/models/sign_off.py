"""Who agreed to what, on which evidence."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from checklists.models.item import Item
from checklists.models.rules import append_only, four_eyes, never_deleted, only_use_is_written, quorum
from checklists.states import Decision


class SignOff(models.Model):
    """One person's go or no-go in one seat of a gate, bound to the digest of what the screen showed.

    Never edited: who changes their mind signs again, and each person's latest word counts.
    ``evidence`` is the list of facts as shown; ``nonce`` makes a repeated submit harmless.
    """

    gate = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="sign_offs")
    seat = models.SlugField(max_length=40)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="sign_offs")
    decision = models.CharField(max_length=6, choices=Decision)
    reason = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    evidence = models.JSONField(default=list)
    attempts = ArrayField(models.UUIDField(), default=list)
    nonce = models.UUIDField(unique=True, default=uuid.uuid4)
    at = models.DateTimeField()

    class Meta:
        ordering = ["gate", "id"]
        triggers = [*append_only(), four_eyes()]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision=Decision.GO) | ~Q(reason=""), name="a_no_go_has_a_reason"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_decision_display()} ({self.seat})"


class GatePass(models.Model):
    """The moment a gate opened on one digest of evidence. The database refuses one without quorum.

    ``used_at`` is set when the first item behind the gate begins: from then on ageing evidence
    no longer closes the gate, changed evidence still does.
    """

    gate = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="passes")
    digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["gate", "at"]
        triggers = [
            quorum(),
            never_deleted(),
            only_use_is_written(),
        ]
        constraints = [
            models.UniqueConstraint(fields=["gate", "digest"], name="a_gate_opens_once_on_evidence")
        ]

    def __str__(self) -> str:
        return f"{self.gate_id} passed on {self.digest[:8]}"
