"""Django's admin shows the domain read-only: changes go through services, which write the record."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from checklists.models import AuditEntry, Cutover, ReleasedVariable, Runbook
from checklists.models.masked_rows import show_found_values


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in its stubs only
    """Shows rows; cannot add, change or delete them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows; an admin sees the values in them."""
        show_found_values(bool(getattr(request.user, "is_superuser", False)))
        return super().get_queryset(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """False: the panel has pages for this."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: only services change rows."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """False: rows are kept."""
        return False


@admin.register(Runbook)
class RunbookAdmin(ReadOnlyAdmin):
    """Versions of runbooks."""

    list_display = ("title", "name", "sha256", "loaded_at", "loaded_by")


@admin.register(Cutover)
class CutoverAdmin(ReadOnlyAdmin):
    """Cutovers."""

    list_display = ("title", "kind", "status", "direction", "created_at")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """The audit record."""

    list_display = ("cutover", "seq", "at", "actor", "kind")
    list_filter = ("cutover", "kind")


@admin.register(ReleasedVariable)
class ReleasedVariableAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in its stubs only
    """The variables that runbooks may use.  The site's history keeps each change."""

    list_display = ("name", "may_be_shown", "reason", "released_by", "released_at")
    search_fields = ("name",)

    def save_model(self, request: HttpRequest, obj: ReleasedVariable, form: Any, change: bool) -> None:
        """Keeps who released it."""
        if not change and isinstance(request.user, User):
            obj.released_by = request.user
        super().save_model(request, obj, form, change)
