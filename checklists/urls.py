"""Every page of the panel; the addresses of one cutover are listed by the view modules themselves."""

from django.urls import URLPattern, URLResolver, include, path

from checklists import stream
from checklists.views import (
    accounts,
    attempts,
    backups,
    cutovers,
    gates,
    items,
    opening,
    parity,
    parity_exports,
    record,
    runbook,
    waiting,
)

of_one_cutover = [
    *cutovers.urlpatterns,
    *runbook.urlpatterns,
    *items.urlpatterns,
    *attempts.urlpatterns,
    *gates.urlpatterns,
    *parity.urlpatterns,
    *parity_exports.urlpatterns,
    *backups.urlpatterns,
    *record.urlpatterns,
    *opening.urlpatterns,
    *stream.urlpatterns,
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", cutovers.cutovers, name="cutovers"),
    path("open/", opening.open_cutover, name="open-cutover"),
    *accounts.urlpatterns,
    *waiting.urlpatterns,
    path("cutovers/<slug:slug>/", include(of_one_cutover)),
]
