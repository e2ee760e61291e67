"""The Django app of the demo. Its commands prepare a rehearsal and play it."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """No models: only the management commands `stage` and `autopilot`."""

    name = "cutover.demo"
    label = "demo"
