"""Celery tasks. A message only says “look at attempt X”; the attempt's row decides what happens."""

from __future__ import annotations

import logging

import redis
from celery import shared_task
from kombu.exceptions import OperationalError

from checklists import executor

log = logging.getLogger(__name__)


@shared_task(name="steps.perform")
def run_attempt(attempt_id: str) -> None:
    """Runs an attempt that is queued; does nothing for any other."""
    executor.run_attempt(attempt_id, worker="celery")


@shared_task(name="probes.probe")
def probe_attempt(attempt_id: str) -> None:
    """Probes an attempt that is unknown; does nothing for any other."""
    executor.probe_attempt(attempt_id)


@shared_task(name="steps.preflight")
def run_preflight(run_id: str) -> None:
    """Runs a preflight that is queued; does nothing for any other."""
    executor.run_preflight(run_id, worker="celery")


@shared_task(name="steps.preview")
def run_preview(preview_id: str) -> None:
    """Carries out a preview that is queued; does nothing for any other."""
    executor.run_preview(preview_id)


def wake_for_preview(preview_id: str) -> None:
    """Tells a worker that a preview is queued. It runs where attempts run, as a preflight does."""
    _publish(run_preview, "steps", preview_id)


def wake_for_preflight(run_id: str) -> None:
    """Tells a worker that a preflight is queued. The message may get lost: the dispatcher repeats it.

    It runs where attempts run, so that it sees their network, variables and programs.
    """
    _publish(run_preflight, "steps", run_id)


def wake_worker(attempt_id: str) -> None:
    """Tells a worker that an attempt is queued. The message may get lost: the dispatcher repeats it."""
    _publish(run_attempt, "steps", attempt_id)


def wake_prober(attempt_id: str) -> None:
    """Tells a worker to probe an unknown attempt. The message may get lost: the reaper repeats it.

    Nothing is sent while a worker lives where the attempt ran: it finds the attempt by itself.
    """
    if executor.is_probed_where_it_ran(attempt_id):
        return
    _publish(probe_attempt, "probes", attempt_id)


def _publish(task: object, queue: str, attempt_id: str) -> None:
    try:
        task.apply_async(args=[str(attempt_id)], queue=queue)  # type: ignore[attr-defined]  # a Celery task, which has no type
    # AttributeError: kombu asks a channel that was closed meanwhile for its client. The row is found later.
    except (OperationalError, redis.RedisError, OSError, AttributeError) as error:
        log.warning("no message about %s could be sent: %s", attempt_id, type(error).__name__)
