"""The progress of one table of a comparison."""

from __future__ import annotations

from django.db import models

from checklists.models.attempt import Attempt
from checklists.models.triggers import never_deleted


class TableProgress(models.Model):
    """The latest progress of one table, overwritten under the attempt's fence. It is no evidence.

    ``state`` is the engine's: waiting, reading, asking, done or failed. ``pages`` are 8 kB pages of the
    bigger side, 0 when unknown. ``found`` has the table's counts once its result is final. A gate
    relies on the `ParityResult` that is stored when the attempt finishes.
    """

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="table_progress")
    table = models.CharField(max_length=200)
    position = models.PositiveIntegerField()  # in the order in which the tables were first reported
    state = models.CharField(max_length=12)
    pages = models.BigIntegerField(default=0)
    pages_done = models.BigIntegerField(default=0)
    rows_done = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    seconds_left = models.FloatField(null=True)
    found = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ["attempt", "position"]
        triggers = [never_deleted()]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "table"], name="one_progress_a_table"),
        ]

    def __str__(self) -> str:
        return f"{self.table}: {self.state}, {self.pages_done} of {self.pages} pages"
