"""The audit record: who did what, when, on which evidence; with the verification of its chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET

from checklists.board import Board, SignedThen, signed_again_of, voided_of
from checklists.models import AuditEntry, Cutover, SignOff
from checklists.record.chain import export, verify
from checklists.views.access import get_visit, render_page, require_sign_in
from checklists.views.record_link import link_markup

LINKS_ON_PAGE = 100


@require_sign_in
@require_GET
def record(request: HttpRequest, slug: str) -> HttpResponse:
    """The entries, newest first, filtered by actor or kind; each request verifies the whole chain."""
    visit = get_visit(request, slug)
    links = AuditEntry.objects.filter(cutover=visit.cutover).order_by("-seq")
    actors, kinds = _values(links, "actor"), _values(links, "kind")
    actor, kind = request.GET.get("actor", ""), request.GET.get("kind", "")
    if {actor, kind} - {"", *actors, *kinds}:  # a filter that no entry can match
        links = links.none()
    shown = Paginator(_filtered(links, actor, kind), LINKS_ON_PAGE).get_page(request.GET.get("page"))
    # Somebody who tampers with an entry must not be able to break the page that reports it.
    for link in shown:
        if not isinstance(link.payload, dict):
            link.payload = {"payload": link.payload}
    void = _void_signatures(visit.cutover, list(shown))
    verdict = verify(visit.cutover)
    broken_at = None if verdict.ok else verdict.broken_at
    return render_page(
        request,
        "record.html",
        visit,
        verdict=verdict,
        links=[(link, void.get(link.seq)) for link in shown],
        markup=[
            link_markup(link, visit.cutover, void.get(link.seq), is_broken=link.seq == broken_at)
            for link in shown
        ],
        shown=shown,
        actor=actor,
        kind=kind,
        actors=actors,
        kinds=kinds,
    )


def _void_signatures(cutover: Cutover, links: Sequence[AuditEntry]) -> dict[int, SignedThen]:
    """Number of the link → the signature that it tells of, where that is or was void."""
    if not any(link.kind == "gate.signed" for link in links):
        return {}
    numbers = _numbers_of_signatures(cutover)
    found = [*signed_again_of(cutover), *voided_of(Board.load_for_page(cutover))]
    return {numbers[void.sign_off.pk]: void for void in found if void.sign_off.pk in numbers}


def _numbers_of_signatures(cutover: Cutover) -> dict[int, int]:
    """Primary key of a sign-off → number of its link. Of the same content, both are in the same order."""
    links: dict[tuple[Any, ...], list[int]] = {}
    entries = AuditEntry.objects.filter(cutover=cutover, kind="gate.signed").order_by("seq")
    for seq, *key in entries.values_list("seq", "payload__gate", "actor", "payload__digest"):
        links.setdefault(tuple(key), []).append(seq)
    found = {}
    for one in SignOff.objects.filter(gate__cutover=cutover).select_related("gate", "person").order_by("pk"):
        if own := links.get((one.gate.key, one.person.get_username(), one.digest)):
            found[one.pk] = own.pop(0)
    return found


def _values(links: QuerySet[AuditEntry], name: str) -> list[str]:
    return list(links.order_by(name).values_list(name, flat=True).distinct())


def _filtered(links: QuerySet[AuditEntry], actor: str, kind: str) -> QuerySet[AuditEntry]:
    if actor:
        links = links.filter(actor=actor)
    if kind:
        links = links.filter(kind=kind)
    return links


@require_sign_in
@require_GET
def record_export(request: HttpRequest, slug: str) -> HttpResponse:
    """The whole chain as a file that verifies without the panel (docs/reference/record.md)."""
    visit = get_visit(request, slug)
    if not visit.sees_found_values:
        raise PermissionDenied(
            "The file has what actions found in the data, and it verifies only whole. "
            "Somebody who works on this cutover can export it."
        )
    response = HttpResponse(export(visit.cutover), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{visit.cutover.slug}-record.json"'
    response["Cache-Control"] = "no-store, private"
    return response


urlpatterns = [
    path("record/", record, name="record"),
    path("record/export/", record_export, name="record-export"),
]
