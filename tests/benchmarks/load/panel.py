"""A panel for a benchmark: its own PostgreSQL and Valkey, one web process, a cutover and many people."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg

from tests import servers
from tests.ports import free_port

if TYPE_CHECKING:
    from checklists.models import Cutover

PROJECT = Path(__file__).parents[3]
APPLICATION = "tests.benchmarks.load.application:application"
MANAGE = (sys.executable, "manage.py")


@contextmanager
def new_panel() -> Iterator[None]:
    """Servers and tables, and Django in this process with the rights of the panel's own role."""
    os.environ.update(servers.environment())
    servers.POSTGRES.start()
    servers.VALKEY.start()
    try:
        with psycopg.connect(servers.POSTGRES.url(), autocommit=True) as superuser:
            superuser.execute("CREATE DATABASE cutover")
        subprocess.run([*MANAGE, "migrate", "--no-input"], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            [*MANAGE, "collectstatic", "--no-input"], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL
        )
        _connect_django()
        yield
    finally:
        servers.VALKEY.stop()
        servers.POSTGRES.stop()


def _connect_django() -> None:
    """As tests do (`django_db_setup`): a superuser's session in the panel's role: it can make a past."""
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection

    from cutover.database.connection import IDENTITY

    connection.settings_dict.update({name: settings.DATABASE_OWNER[name] for name in IDENTITY})
    options = connection.settings_dict["OPTIONS"]
    connection.settings_dict["OPTIONS"] = {
        **options,
        "options": f"{options['options']} -c role={servers.APPLICATION}",
    }


class WebProcess:
    """One web process as `./panel run` starts it. It can be stopped, and started again on the same port."""

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.environment = {**os.environ, **(environment or {})}
        self.process: psutil.Popen | None = None
        self.seconds_of_ended = 0.0

    def start(self) -> WebProcess:
        """Starts it, and returns when it answers."""
        self.process = psutil.Popen(
            [sys.executable, "-m", "uvicorn", APPLICATION, "--port", str(self.port),
             "--lifespan", "off", "--timeout-graceful-shutdown", "5", "--no-access-log",
             "--no-proxy-headers", "--log-level", "error"],
            stderr=subprocess.DEVNULL,
            cwd=PROJECT, env=self.environment,
        )  # fmt: skip
        until = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("The web process did not start.")
            time.sleep(0.02)
        return self

    def close(self) -> None:
        """As `stop`."""
        self.stop()

    def stop(self) -> None:
        """Stops it as the supervisor does, and waits for its end."""
        if self.process is not None:
            self.seconds_of_ended = self.cpu_seconds()
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def cpu_seconds(self) -> float:
        """Processor time of it, and of those that ran before it on this port."""
        if self.process is None:
            return self.seconds_of_ended
        used = self.process.cpu_times()
        return float(self.seconds_of_ended + used.user + used.system)

    def megabytes(self) -> float:
        """Memory that it uses."""
        assert self.process is not None
        return float(self.process.memory_info().rss / 1e6)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://localhost:{self.port}/health/live", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def server_cpu_seconds() -> float:
    """Processor time of PostgreSQL: of the server and of all sessions that ended."""
    if servers.POSTGRES.process is None:  # another process started it
        return 0.0
    used, total = psutil.Process(servers.POSTGRES.process.pid), 0.0
    for one in [used, *used.children()]:
        with suppress(psutil.NoSuchProcess):  # a session that ends meanwhile is counted with those that ended
            times = one.cpu_times()
            total += times.user + times.system
    ended = used.cpu_times()
    return float(total + ended.children_user + ended.children_system)


def make_viewers(cutover: Cutover, count: int, part: str = "APPROVER") -> list[str]:
    """People with that part in the cutover, each signed in; gives their cookies."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    from checklists.models import Member
    from cutover.accounts.idle import ACTIVE, BEGAN
    from tests.by_hand import by_hand

    people = User.objects.bulk_create(
        User(username=f"viewer-{cutover.pk}-{n}", password=f"!{n}", first_name=f"Viewer {n}")
        for n in range(count)
    )
    store, sessions, now = SessionStore(), list[Session](), time.time()
    until = timezone.now() + timedelta(days=1)
    for each in people:
        data = {
            SESSION_KEY: str(each.pk),
            HASH_SESSION_KEY: each.get_session_auth_hash(),
            BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
            BEGAN: now,
            ACTIVE: now,
            "_session_expiry": 3600,
        }
        key = f"{each.pk:032}"
        sessions.append(Session(session_key=key, session_data=store.encode(data), expire_date=until))
    Session.objects.bulk_create(sessions)
    with by_hand():  # not one change of people after the other
        Member.objects.bulk_create(Member(cutover=cutover, person=each, part=part) for each in people)
    return [f"{settings.SESSION_COOKIE_NAME}={session.session_key}" for session in sessions]
