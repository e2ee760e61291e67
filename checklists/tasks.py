"""Celery entry points: a message says “look at attempt X”, and nothing else."""

from __future__ import annotations

import logging

import redis
from celery import shared_task
from kombu.exceptions import OperationalError

from checklists import executor

log = logging.getLogger(__name__)


@shared_task(name="steps.perform")
def perform(attempt_id: str) -> None:
    """Carries out a queued attempt; for any other it does nothing."""
    executor.carry_out(attempt_id, worker="celery")


@shared_task(name="probes.probe")
def probe(attempt_id: str) -> None:
    """Looks at an unknown attempt; for any other it does nothing."""
    executor.look(attempt_id)


def wake(attempt_id: str) -> None:
    """Tells a worker that an attempt is queued. Best effort: the dispatcher tells again from the rows."""
    _publish(perform, "steps", attempt_id)


def wake_probe(attempt_id: str) -> None:
    """Tells a worker that an unknown attempt wants to be looked at; the reaper tells again."""
    _publish(probe, "probes", attempt_id)


def _publish(task: object, queue: str, attempt_id: str) -> None:
    try:
        task.apply_async(args=[str(attempt_id)], queue=queue)  # type: ignore[attr-defined]
    except (OperationalError, redis.RedisError, OSError) as error:
        log.warning("no worker could be told of attempt %s: %s", attempt_id, type(error).__name__)
