"""What a person saw when they last looked at a gate."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from checklists.models.item import Item


class GateLook(models.Model):
    """One person's looks at one gate: ``seen`` at ``at``, and ``before``, what they saw when they last left.

    Both are as that person may see them. Nothing is decided by it, and nobody else reads it.
    """

    gate = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    seen = models.JSONField(default=dict)
    before_at = models.DateTimeField(null=True)
    before = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gate", "person"], name="looks_of_a_person_once")]

    def __str__(self) -> str:
        return f"{self.person_id} at {self.gate_id}"
