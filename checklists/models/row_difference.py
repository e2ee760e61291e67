"""One row that differs between the two sides of a comparison."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from checklists.models.attempt import Attempt
from checklists.models.triggers import append_only


class RowDifference(models.Model):
    """Both versions of a row, as texts, numbered within the attempt in the order in which they were found.

    ``key`` is a list of [column, value], ``columns`` of [column, before, after] in the table's order; None
    is NULL, or that there is no row. ``paths`` is column → paths in its JSON that differ. ``personal`` are
    the columns whose values stakeholders do not see. ``text`` and ``personal_text`` are what a search reads.
    """

    KINDS = (("changed", "changed"), ("missing", "missing after"), ("extra", "only after"))

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="differences")
    number = models.PositiveIntegerField()
    table = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=KINDS)
    key = models.JSONField(default=list)
    columns = models.JSONField(default=list)
    paths = models.JSONField(default=dict)
    personal = ArrayField(models.TextField(), default=list)
    names = ArrayField(
        models.TextField(), default=list
    )  # the columns that changed; [] for missing and extra rows
    left_out = models.PositiveIntegerField(default=0)  # columns beyond the limit, which are not kept
    text = models.TextField(default="", blank=True)
    personal_text = models.TextField(default="", blank=True)

    class Meta:
        ordering = ["attempt", "number"]
        triggers = append_only()
        indexes = [models.Index(fields=["attempt", "table", "number"], name="rows_of_a_table")]
        constraints = [models.UniqueConstraint(fields=["attempt", "number"], name="row_difference_once")]

    def __str__(self) -> str:
        return f"{self.table} {self.number}: {self.kind}"
