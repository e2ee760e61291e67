"""``manage.py reaper``: finds attempts whose worker was lost. Without it no effect begins."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from checklists import tasks
from checklists.executor import Reaper
from checklists.executor.loop import run_until_stopped
from checklists.executor.timings import TIMES


class Command(BaseCommand):
    """Runs until it is stopped. Two at once do no harm."""

    help = "Finds attempts whose worker was lost, and has them probed. Without it no effect begins."

    def handle(self, *args: Any, **options: Any) -> None:
        """One round every few seconds."""
        reaper = Reaper()
        run_until_stopped("reaper", TIMES.reaper, lambda: reaper.run_once(tasks.wake_prober))
