"""Every address of the panel starts here; the domain's own are in checklists/urls.py."""

from django.contrib import admin
from django.urls import include, path

from cutover.health import live, ready

urlpatterns = [
    path("health/live", live, name="health-live"),
    path("health/ready", ready, name="health-ready"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("checklists.urls")),
]
