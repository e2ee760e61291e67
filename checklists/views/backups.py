"""The backups of a cutover, and whether a restore has proven them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.models import Backup
from checklists.views.access import enter, page, signed_in


@signed_in
@require_GET
def backups(request: HttpRequest, slug: str) -> HttpResponse:
    """Every backup, the newest first; only one that was restored and compared counts as verified."""
    visit = enter(request, slug)
    with_links = ("attempt__item", "attempt__requested_by", "verified_by__item")
    taken = list(Backup.objects.filter(cutover=visit.cutover).select_related(*with_links))
    for backup in taken:  # spares a query for each link
        for attempt in (backup.attempt, backup.verified_by):
            if attempt is not None:
                attempt.cutover = attempt.item.cutover = visit.cutover
    return page(
        request,
        "backups.html",
        visit,
        backups=taken,
        newest_verified=next((backup for backup in taken if backup.verified_at), None),
    )


urlpatterns = [path("backups/", backups, name="backups")]
