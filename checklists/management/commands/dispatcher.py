"""``manage.py dispatcher``: wakes workers for what is still queued, and queues the scheduled preflights."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from checklists import executor, tasks
from checklists.executor.loop import run_until_stopped
from checklists.executor.timings import TIMES
from checklists.forecast.simulated import refresh_forecasts
from checklists.redis_owner import RedisOwner, refuse_shared_redis, shared_redis
from integrations.errors import Problem

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Runs until it is stopped; two at once do no harm."""

    help = "Wakes workers for attempts that are still queued: a message can be lost, a row cannot."

    def handle(self, *args: Any, **options: Any) -> None:
        """One scan every second."""
        owner = RedisOwner()
        try:
            refuse_shared_redis(owner)
        except Problem as problem:
            raise CommandError(str(problem)) from None
        try:
            run_until_stopped("dispatcher", TIMES.dispatcher, partial(_scan, owner))
        finally:
            owner.release()


def _scan(owner: RedisOwner) -> None:
    if (other := owner.hold()) != owner.told:
        owner.told = other  # once, not each second; the health check goes on saying it
        if other:
            log.error("%s", shared_redis(other))
    executor.wake_queued_attempts(tasks.wake_worker)
    executor.wake_queued_preflights(tasks.wake_for_preflight)
    executor.wake_queued_previews(tasks.wake_for_preview, after=TIMES.wake_again)
    refresh_forecasts()
