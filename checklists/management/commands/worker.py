"""``manage.py worker``: runs attempts, and probes UNKNOWN ones."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import current_app, signals
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from checklists.executor import record_heartbeat
from checklists.executor.local_prober import LocalProber
from checklists.executor.loop import run_until_stopped
from checklists.executor.polling import PollingWorker
from checklists.executor.process.subreaper import PROBER, WORKER, Subreaper
from checklists.executor.reaper import Reaper
from checklists.executor.timings import TIMES
from checklists.redis_owner import RedisOwner, refuse_shared_redis
from integrations.actions import registry
from integrations.artefacts import check_storage
from integrations.errors import Problem

HEARTBEAT_INTERVAL = 5.0  # seconds
#: Queue → the service name of its heartbeat, which the health page checks.
SERVICE_OF_QUEUE = {"steps": "worker", "probes": "prober"}


class Command(BaseCommand):
    """On SIGTERM it takes no new work and waits for running attempts; ``--cancel-on-stop`` cancels them."""

    help = "Runs attempts of actions, and probes UNKNOWN ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--concurrency, --queues, --cancel-on-stop, --poll."""
        parser.add_argument("--concurrency", type=int, default=6, help="attempts at once (default: 6)")
        parser.add_argument(
            "--queues", default="steps,probes,control", help="to place work beside the database it moves"
        )
        parser.add_argument("--cancel-on-stop", action="store_true", help="SIGTERM cancels running attempts")
        parser.add_argument(
            "--poll", action="store_true", help="break glass: claim straight from PostgreSQL, without Redis"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs until it is stopped."""
        try:
            check_storage(self.stderr.write)
            if not options["poll"]:
                refuse_shared_redis(RedisOwner())
        except Problem as problem:
            raise CommandError(str(problem)) from None
        registry()  # imported here once: the process of each attempt is forked from this one
        places, queues, cancel = options["concurrency"], options["queues"], options["cancel_on_stop"]
        parts: dict[str, Callable[[], int]] = {WORKER: partial(_take_messages, places, queues)}
        if options["poll"]:
            parts = {WORKER: partial(_poll, places, cancel=cancel)}
        if options["poll"] or "steps" in queues.split(","):
            parts[PROBER] = _probe_what_ran_here
        raise SystemExit(Subreaper(parts, cancel_on_stop=cancel).run())


def _poll(places: int, *, cancel: bool) -> int:
    polling, reaper = PollingWorker(places), Reaper()

    def work() -> None:
        polling.run_once()
        reaper.run_once(polling.probe)

    run_until_stopped("worker without Redis", 1.0, work)
    if cancel:
        polling.stop_attempts()
    polling.wait()
    return 0


def _probe_what_ran_here() -> int:
    run_until_stopped("local prober", TIMES.poll, LocalProber().run_once)
    return 0


def _take_messages(places: int, queues: str) -> int:
    services = [service for queue, service in SERVICE_OF_QUEUE.items() if queue in queues.split(",")]
    signals.worker_ready.connect(partial(_start_heartbeats, services), weak=False)
    worker = current_app.Worker(
        concurrency=places,
        queues=queues,
        pool="prefork",
        loglevel="INFO",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        optimization="fair",
    )
    connections.close_all()
    worker.start()
    return worker.exitcode or 0


def _start_heartbeats(services: list[str], sender: Any, **_: Any) -> None:
    """Writes heartbeats from the loop that takes messages: a stuck loop writes none."""

    def beat() -> None:
        with contextlib.suppress(Exception):  # without the database the health page is red anyway
            for service in services:
                record_heartbeat(service)
        connections.close_all()  # children are forked from this process

    beat()
    sender.timer.call_repeatedly(HEARTBEAT_INTERVAL, beat)
