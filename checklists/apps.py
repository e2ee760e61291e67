"""Tells Django about the domain."""

from django.apps import AppConfig

from integrations.clients import load_drivers


class ChecklistsConfig(AppConfig):
    """The one application of the panel."""

    name = "checklists"
    verbose_name = "Cutover"

    def ready(self) -> None:
        """Loads the drivers, so that whatever checks a runbook knows every product the panel speaks to."""
        load_drivers()
