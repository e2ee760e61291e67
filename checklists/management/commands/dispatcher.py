"""``manage.py dispatcher``: wakes workers again for what is still queued."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from checklists import executor, tasks
from checklists.executor.rounds import until_told_to_stop
from checklists.executor.times import TIMES


class Command(BaseCommand):
    """Runs until it is stopped; two at once do no harm."""

    help = "Wakes workers again for what is still queued: a message may be lost, a row is not."

    def handle(self, *args: Any, **options: Any) -> None:
        """One scan every second."""
        until_told_to_stop("dispatcher", TIMES.dispatcher, lambda: executor.scan(tasks.wake))
