"""``manage.py worker``: carries out attempts, and looks at what became unknown."""

from __future__ import annotations

import contextlib
import os
import signal
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from celery import current_app, signals
from django.core.management.base import BaseCommand
from django.db import connections

from checklists.executor import beat
from checklists.executor.carrying import GUARD
from checklists.executor.polling import Polling
from checklists.executor.reaper import Reaper
from checklists.executor.rounds import until_told_to_stop
from checklists.executor.tree import below
from integrations.actions import registry

BEAT = 5.0  # seconds
#: queue → what a worker of it gives signs of life as; health asks for each
SIGNS = {"steps": "worker", "probes": "prober"}


class Command(BaseCommand):
    """SIGTERM takes no new work and lets running attempts come to their end; with
    ``--cancel-on-stop`` they are cancelled first."""

    help = "Carries out attempts of actions, and looks at what became unknown."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Places, queues, and the way without Redis."""
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
        registry()  # read once here: every attempt's process is forked from what is warm
        if options["poll"]:
            self._poll(options["concurrency"], cancel=options["cancel_on_stop"])
        else:
            self._celery(options["concurrency"], options["queues"], cancel=options["cancel_on_stop"])

    def _poll(self, places: int, *, cancel: bool) -> None:
        polling, reaper = Polling(places), Reaper()

        def work() -> None:
            polling.round()
            reaper.round(polling.look)

        until_told_to_stop("worker without Redis", 1.0, work)
        if cancel:
            polling.stop_attempts()
        polling.wait()

    def _celery(self, places: int, queues: str, *, cancel: bool) -> None:
        signs = [sign for queue, sign in SIGNS.items() if queue in queues.split(",")]
        signals.worker_ready.connect(partial(_beat_from_now_on, signs), weak=False)
        if cancel:
            signals.worker_shutting_down.connect(_stop_attempts, weak=False)
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
        raise SystemExit(worker.exitcode or 0)


def _beat_from_now_on(signs: list[str], sender: Any, **_: Any) -> None:
    """A sign of life from the loop that takes messages: who hears no messages gives none."""

    def say() -> None:
        with contextlib.suppress(Exception):  # the database is away: the page will say so
            for sign in signs:
                beat(sign)
        connections.close_all()  # children are forked from this process

    say()
    sender.timer.call_repeatedly(BEAT, say)


def _stop_attempts(**_: Any) -> None:
    """Asks the guards below this worker to stop what they guard."""
    for pid in below(os.getpid()):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == GUARD:
                os.kill(pid, signal.SIGTERM)
