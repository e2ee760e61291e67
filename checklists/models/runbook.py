"""The runbook file that a cutover follows, stored as it was read."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from checklists.models.story_rules import text_has_its_digest
from checklists.models.triggers import append_only


class Runbook(models.Model):
    """One version of a runbook file, identified by the SHA-256 of its text."""

    name = models.SlugField(max_length=100, help_text="What the file calls itself; versions share it.")
    title = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64, unique=True)
    text = models.TextField()
    loaded_at = models.DateTimeField(auto_now_add=True)
    loaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["name", "-loaded_at"]
        triggers = [*append_only(), text_has_its_digest()]

    def __str__(self) -> str:
        return f"{self.title} ({self.sha256[:8]})"
