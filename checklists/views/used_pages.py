"""Pages of a cutover that only some runbooks use; where nothing fills them, no link leads to them."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from checklists.models import Backup, Item, ParityResult
from integrations.actions import list_actions_that_record


def has_comparisons() -> Q:
    """For a query of cutovers: an item compares tables, or one has done so under an earlier definition."""
    results = ParityResult.objects.filter(attempt__cutover=OuterRef("pk"))
    return Q(Exists(_items_that_record("parity"))) | Q(Exists(results))


def has_backups() -> Q:
    """For a query of cutovers: an item takes or verifies backups, or one has done so."""
    taken = Backup.objects.filter(cutover=OuterRef("pk"))
    return Q(Exists(_items_that_record("backup", "verified"))) | Q(Exists(taken))


def _items_that_record(*facts: str) -> QuerySet[Item]:
    items = Item.objects.current().filter(cutover=OuterRef("pk"))
    return items.filter(action__in=list_actions_that_record(*facts))
