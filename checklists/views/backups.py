"""The backups of a cutover, and whether a restore has proven them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.models import Backup
from checklists.views.access import get_visit, render_page, require_sign_in


@require_sign_in
@require_GET
def backups(request: HttpRequest, slug: str) -> HttpResponse:
    """Every backup, the newest first. It counts as verified while its latest verification says so."""
    visit = get_visit(request, slug)
    related = ("attempt__item", "attempt__requested_by", "verified_by__item")
    found = Backup.objects.filter(cutover=visit.cutover).select_related(*related)
    taken = list(found.prefetch_related("verifications__attempt__item"))
    for backup in taken:  # without this, each link would query its cutover
        failed_by = backup.failure.attempt if backup.failure else None
        for attempt in (backup.attempt, backup.verified_by, failed_by):
            if attempt is not None:
                attempt.cutover = attempt.item.cutover = visit.cutover
    return render_page(
        request,
        "backups.html",
        visit,
        backups=taken,
        newest_verified=next((backup for backup in taken if backup.verified_at), None),
    )


urlpatterns = [path("backups/", backups, name="backups")]
