"""Django's admin with the panel's own site; apart from `apps.py`, which may name only one app."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class PanelAdminConfig(AdminConfig):
    """Django's admin with `PanelAdminSite`."""

    default_site = "cutover.accounts.admin_site.PanelAdminSite"
