"""Every page of the panel; the addresses of one cutover are listed by the view modules themselves."""

from django.urls import URLPattern, URLResolver, include, path

from checklists import stream
from checklists.views import (
    accounts,
    amending,
    attempts,
    backups,
    cutovers,
    gates,
    hosts,
    items,
    logs,
    no_gos,
    opening,
    palette,
    parity,
    parity_exports,
    problems,
    record,
    runbook,
    status,
    ticks,
    waiting,
    windows,
)

of_one_cutover = [
    *cutovers.urlpatterns,
    *status.urlpatterns,
    *runbook.urlpatterns,
    *amending.urlpatterns,
    *items.urlpatterns,
    *logs.urlpatterns,
    *ticks.urlpatterns,
    *attempts.urlpatterns,
    *gates.urlpatterns,
    *no_gos.urlpatterns,
    *hosts.urlpatterns,
    *windows.urlpatterns,
    *parity.urlpatterns,
    *parity_exports.urlpatterns,
    *backups.urlpatterns,
    *problems.urlpatterns,
    *record.urlpatterns,
    *opening.urlpatterns,
    *stream.urlpatterns,
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", cutovers.cutovers, name="cutovers"),
    path("open/", opening.open_cutover, name="open-cutover"),
    *accounts.urlpatterns,
    *waiting.urlpatterns,
    *palette.urlpatterns,
    *status.shared_urlpatterns,
    path("cutovers/<slug:slug>/", include(of_one_cutover)),
]
