"""The URLconf of the project; the pages of the domain are in checklists/urls.py."""

from django.contrib import admin
from django.urls import include, path

from cutover.health import live, ready

handler500 = "checklists.views.failures.server_error"

urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("accounts/", include("cutover.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("checklists.urls")),
]
