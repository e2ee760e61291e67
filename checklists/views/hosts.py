"""Declaring a host dead."""

from __future__ import annotations

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_http_methods

from checklists import services
from checklists.forms.changes import HostDeathForm
from checklists.states import ChangeKind
from checklists.views.access import get_visit_for_command, require_sign_in
from checklists.views.windows import request_from_form


@require_sign_in
@require_http_methods(["GET", "POST"])
def declare_dead(request: HttpRequest, slug: str) -> HttpResponse:
    """Requests that a host on which an attempt was lost counts as dead."""
    visit = get_visit_for_command(request, slug)
    data, hosts = request.POST if request.method == "POST" else None, services.lost_hosts(visit.cutover)
    return request_from_form(
        request,
        visit,
        HostDeathForm(data, request=request, hosts=hosts),
        partial(services.declare_host_dead, cutover=visit.cutover),
        done="It counts as dead.",
        title="Declare a host dead",
        explanation="For a host whose loss no worker can prove. It needs a second person.",
        nothing_to_do=""
        if hosts
        else "No attempt of this cutover is lost, so there is no host to declare dead.",
        risk=services.get_rule(ChangeKind.HOST_DEAD).risk,
        button="Ask a second person",
        back_to=visit.cutover.get_absolute_url(),
    )


urlpatterns = [path("hosts/dead/", declare_dead, name="host-dead")]
