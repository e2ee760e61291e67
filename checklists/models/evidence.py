"""Facts that an attempt left, for gates and later items."""

from __future__ import annotations

from django.db import models

from checklists.models.attempt import Attempt
from checklists.models.item import Item
from checklists.models.rules import append_only


class Evidence(models.Model):
    """All the facts of one successful attempt (or verdict), with the digest that sign-offs are bound to."""

    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="evidence")
    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT, related_name="evidence")
    ok = models.BooleanField()
    facts = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    observed_at = models.DateTimeField()

    class Meta:
        ordering = ["item", "-observed_at"]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.item_id}: {self.digest[:8]}"
