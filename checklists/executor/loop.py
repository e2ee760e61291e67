"""The loop of a long-running process: works until SIGTERM, also while the database is away."""

from __future__ import annotations

import logging
import os
import select
import signal
from collections.abc import Callable
from types import FrameType

from django.db import InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)


def run_until_stopped(name: str, every: float, work: Callable[[], object]) -> None:
    """Calls ``work`` once in ``every`` seconds. SIGTERM and Ctrl-C end the loop after the round under way."""
    reader, writer = os.pipe()

    def on_signal(number: int, frame: FrameType | None) -> None:
        # No threading.Event: `set` takes a lock that the interrupted `wait` of the same thread may hold.
        os.write(writer, b"x")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    log.info("%s started", name)
    stopped = False
    while not stopped:
        try:
            work()
        except (OperationalError, InterfaceError) as error:
            log.warning("%s: the database is away: %s", name, str(error).strip().partition("\n")[0])
            connection.close()
        stopped = bool(select.select([reader], [], [], every)[0])
    log.info("%s stopped", name)
