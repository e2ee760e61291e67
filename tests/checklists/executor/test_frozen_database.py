"""The panel's database freezes while an executor is lost: pages say so, and the loss is known soon after."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import psutil
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from checklists.executor.process.identity import is_alive
from checklists.models import Attempt, Cutover, Member
from tests import servers
from tests.by_hand import by_hand
from tests.checklists.executor.conftest import FAST, Panel, running, wait_for_status
from tests.checklists.histories import person
from tests.waiting import wait_for

Queue = Callable[..., Attempt]
TIMES_OF_THE_PANEL = FAST
QUEUES_OF_THE_PANEL = "steps"
KNOWN_AFTER = 10.0  # seconds from the first answer of the database to the verdict: the promise


class OpenPage:
    """The live events of one open page, with the moment at which each came."""

    def __init__(self, port: int, cutover: Cutover, cookie: str) -> None:
        self.events: list[tuple[float, str, str]] = []
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.request("GET", reverse("stream", args=[cutover.slug]), headers={"Cookie": cookie})
        assert self.connection.sock is not None
        self.socket = self.connection.sock
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        kind = ""
        # The library's own attributes are gone once the answer is closed under its reader.
        with suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            while line := self.answer.readline().decode():
                name, _, value = line.rstrip().partition(": ")
                kind = value if name == "event" else kind
                if name == "data":
                    self.events.append((time.monotonic(), kind, value))

    def close(self) -> None:
        """Ends the stream, also under its reader."""
        self.socket.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def find(self, kind: str, *, after: float = 0) -> str:
        """The content of the first event of a kind after a moment; empty while there is none."""
        return next((data for at, each, data in self.events if each == kind and at > after), "")


@contextmanager
def frozen_database() -> Iterator[None]:
    """Every process of the server stands still; its connections stay open, and nothing is answered."""
    first = psutil.Process(int((servers.POSTGRES.data / "postmaster.pid").read_text().split()[0]))
    first.send_signal(signal.SIGSTOP)  # before its children are listed: it makes no new ones
    processes = [first, *first.children(recursive=True)]
    try:
        for process in processes[1:]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def sign_in(name: str, cutover: Cutover) -> str:
    """The cookie of a lead of this cutover."""
    with by_hand():
        Member.objects.create(cutover=cutover, person=person(name), part="LEAD")
    client = Client()
    client.force_login(person(name), backend=settings.AUTHENTICATION_BACKENDS[0])
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def test_a_loss_is_known_soon_after_a_frozen_database_answers_and_pages_say_since_when_it_did_not(
    running_panel: Panel, queue: Queue, cutover: Cutover, port: int, request: pytest.FixtureRequest
) -> None:
    attempt = running(queue("test.once", do="sleep", seconds=60))
    page = OpenPage(port, cutover, sign_in("ama", cutover))
    request.addfinalizer(page.close)
    wait_for(lambda: page.find("alive"))
    with frozen_database():
        began, at = time.monotonic(), datetime.now(zoneinfo.ZoneInfo(cutover.timezone))
        os.kill(attempt.owner["pid"], signal.SIGKILL)
        said = wait_for(lambda: page.find("away", after=began))
        since = datetime.strptime(json.loads(said)["since"], "%H:%M:%S").replace(
            year=at.year, month=at.month, day=at.day, tzinfo=at.tzinfo
        )
        assert abs((since - at).total_seconds()) < 3
        assert not page.find("alive", after=began + 1)  # nobody is told that the page is fresh
    answered = time.monotonic()
    attempt = wait_for_status(attempt, "UNKNOWN")
    assert time.monotonic() - answered <= KNOWN_AFTER
    assert not is_alive(attempt.owner["action"])
    wait_for(lambda: page.find("alive", after=answered))
