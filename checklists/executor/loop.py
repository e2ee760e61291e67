"""Does something again and again until SIGTERM, whatever the database does meanwhile."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType

from django.db import InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)


def until_told_to_stop(name: str, every: float, work: Callable[[], object]) -> None:
    """Works once in ``every`` seconds; SIGTERM and Ctrl-C end it after the round under way."""
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    log.info("%s is at work", name)
    while not stop.is_set():
        try:
            work()
        except (OperationalError, InterfaceError) as error:
            log.warning("%s: the database is away: %s", name, str(error).strip().partition("\n")[0])
            connection.close()
        stop.wait(every)
    log.info("%s stopped", name)
