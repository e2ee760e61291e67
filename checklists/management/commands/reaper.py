"""``manage.py reaper``: finds attempts whose worker was lost. Without it no effect begins."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from checklists import tasks
from checklists.executor import Reaper
from checklists.executor.rounds import until_told_to_stop
from checklists.executor.times import TIMES


class Command(BaseCommand):
    """Runs until it is stopped; two at once do no harm."""

    help = "Finds attempts whose worker was lost, and has them looked at. Without it no effect begins."

    def handle(self, *args: Any, **options: Any) -> None:
        """One round every few seconds."""
        reaper = Reaper()
        until_told_to_stop("reaper", TIMES.reaper, lambda: reaper.round(tasks.wake_probe))
