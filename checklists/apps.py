"""Tells Django about the domain."""

from django.apps import AppConfig


class ChecklistsConfig(AppConfig):
    """The one application of the panel."""

    name = "checklists"
    verbose_name = "Cutover"
