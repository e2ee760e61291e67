"""The variables of the environment that runbooks may use, as an admin released them by name."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from integrations.variables import is_own_variable


def refuse_own_variable(name: str) -> None:
    """Raises ValidationError for a variable of the panel itself."""
    if is_own_variable(name):
        raise ValidationError(f"{name} belongs to the panel itself, and is never released.")


class ReleasedVariable(models.Model):
    """One name. A runbook may use it; with ``may_be_shown`` its value may stand anywhere, too."""

    name = models.CharField(
        max_length=200,
        unique=True,
        validators=[
            RegexValidator(r"\A[A-Z][A-Z0-9_]*\Z", "Write it as runbooks do: capital letters, digits and _."),
            refuse_own_variable,
        ],
    )
    may_be_shown = models.BooleanField(
        "may be shown",
        default=False,
        help_text="Its value is no secret: it may stand in logs, previews and commands.",
    )
    reason = models.CharField(max_length=300, blank=True, help_text="What it is for.")
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL
    )
    released_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
