"""Django's admin looks at the domain; what changes it goes through the services and into the record."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from checklists.models import AuditEntry, Cutover, Runbook


class LookOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows rows, and neither adds, changes nor deletes them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: there is a page for it."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: there is a service for it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: nothing is lost."""
        return False


@admin.register(Runbook)
class RunbookAdmin(LookOnly):
    """The versions of runbooks."""

    list_display = ("title", "name", "sha256", "loaded_at", "loaded_by")


@admin.register(Cutover)
class CutoverAdmin(LookOnly):
    """The cutovers."""

    list_display = ("title", "kind", "status", "direction", "created_at")


@admin.register(AuditEntry)
class AuditEntryAdmin(LookOnly):
    """The record."""

    list_display = ("cutover", "seq", "at", "actor", "kind")
    list_filter = ("cutover", "kind")
