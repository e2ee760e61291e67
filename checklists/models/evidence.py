"""The facts that an attempt recorded, for gates and later items."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from checklists.models.attempt import Attempt
from checklists.models.attempt_triggers import comes_with_the_verdict
from checklists.models.item import Item
from checklists.models.masked_rows import MaskedRow, hide_facts
from checklists.models.triggers import append_only


class Evidence(MaskedRow):
    """All facts of one attempt that reached a verdict, with the digest to which sign-offs are bound.

    ``judges`` says that the action is a check: its answer may contradict what another item found before.
    ``confirms`` and ``denies`` are its `integrations.evidence_topics`, which other kinds of checks share.
    """

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="evidence")
    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="evidence")
    ok = models.BooleanField()
    facts = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    judges = models.BooleanField(default=False)
    confirms = ArrayField(models.TextField(), default=list, blank=True)
    denies = ArrayField(models.TextField(), default=list, blank=True)
    observed_at = models.DateTimeField()

    class Meta:
        ordering = ["item", "-observed_at"]
        triggers = [*append_only(), comes_with_the_verdict()]

    def __str__(self) -> str:
        return f"{self.item_id}: {self.digest[:8]}"

    def hide_found_values(self, read: dict[str, Any]) -> None:
        """The facts at places that are not declared to hold no values."""
        hide_facts(read, "facts")
