"""The result of comparing one table."""

from __future__ import annotations

from django.db import models

from checklists.models.attempt import Attempt
from checklists.models.story_rules import comes_with_evidence
from checklists.models.triggers import append_only


class ParityResult(models.Model):
    """The comparison of one table. ``examples`` hold both versions of some rows that differ."""

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="parity_results")
    table = models.CharField(max_length=200)
    source_rows = models.BigIntegerField()
    target_rows = models.BigIntegerField()
    equal = models.BooleanField()
    differing = models.BigIntegerField(default=0)
    declared = models.BigIntegerField(default=0)
    examples = models.JSONField(default=list)
    facts = models.JSONField(default=dict)  # all other facts of the table
    digest = models.CharField(max_length=64, blank=True)
    seconds = models.FloatField(default=0)

    class Meta:
        ordering = ["attempt", "equal", "-differing", "table"]
        triggers = [*append_only(), comes_with_evidence()]
        constraints = [models.UniqueConstraint(fields=["attempt", "table"], name="a_table_compared_once")]

    def __str__(self) -> str:
        return f"{self.table}: {'equal' if self.equal else f'{self.differing} differ'}"
