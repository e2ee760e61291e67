"""One database of Redis belongs to one panel: workers of two would take each other's messages.

A message that a stranger takes does no harm, because the row decides. But the attempt then waits until it is
woken again, each time. So the dispatcher keeps a key with the panel's identity, and no worker or dispatcher
of another panel starts while it is kept.
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import closing, suppress

import redis
from django.conf import settings
from django.db import Error, connection

from integrations.errors import Problem

logger = logging.getLogger(__name__)

KEY = "cutover:panel"
KEPT = 10.0  # seconds without a renewal until the key is gone
#: The cluster and the database in it: a copy of the panel's database is another panel.
IDENTITY = """
    SELECT (SELECT system_identifier::text FROM pg_control_system()) || '/' || oid::text, datname
    FROM pg_database WHERE datname = current_database()
"""


class RedisOwner:
    """This panel, as the key names it. All methods do without a Redis that does not answer."""

    def __init__(self) -> None:
        """Reads the identity. A server that does not tell it leaves it empty, and nothing is checked."""
        row: tuple[str, str] | None = None
        with suppress(Error), connection.cursor() as cursor:
            cursor.execute(IDENTITY)
            row = cursor.fetchone()
        self.identity, self.database = row or ("", "")
        self.told = ""  # the other panel that was reported last
        self._value = json.dumps([self.identity, f"{self.database} at {connection.settings_dict['HOST']}"])

    def hold(self) -> str:
        """Takes or renews the key; gives the database of the other panel that has it, else ""."""
        if not self.identity:
            return ""
        with suppress(redis.RedisError), closing(_redis()) as client:
            if client.set(KEY, self._value, nx=True, px=int(KEPT * 1000)):
                return ""
            if not (other := self._other(client)):
                client.pexpire(KEY, int(KEPT * 1000))
            return other
        return ""

    def find_other(self) -> str:
        """The database of another panel that has the key, else ""."""
        with suppress(redis.RedisError), closing(_redis()) as client:
            return self._other(client)
        return ""

    def release(self) -> None:
        """Gives the key up, if it is ours: another panel may start at once."""
        with suppress(redis.RedisError), closing(_redis()) as client:
            if client.get(KEY) == self._value.encode():
                client.delete(KEY)

    def _other(self, client: redis.Redis) -> str:
        held = client.get(KEY)
        if not self.identity or not isinstance(held, bytes):
            return ""
        try:
            identity, database = json.loads(held)
        except (ValueError, TypeError):
            return "not known: no panel wrote the key"
        return "" if identity == self.identity else str(database)[:200]


def refuse_shared_redis(owner: RedisOwner) -> None:
    """Raises `Problem` when another panel uses this database of Redis, and goes on doing so."""
    if not owner.identity:
        logger.warning(
            "This server of PostgreSQL does not tell its identity (pg_control_system), so it is not known "
            "whether another panel uses the database of Redis in REDIS_URL. Make sure that none does."
        )
    until = time.monotonic() + KEPT + 2
    while other := owner.find_other():
        if time.monotonic() > until:  # one that has just stopped, or was restored, is waited for
            raise shared_redis(other)
        time.sleep(0.5)


def shared_redis(other: str) -> Problem:
    """The error for a database of Redis that another panel uses."""
    return Problem(
        f"The database of Redis in REDIS_URL is used by another panel, whose database is {other}.",
        means="Each would take messages of the other: starts would wait for seconds, again and again.",
        next="Give each panel a Redis of its own, or another number at the end of REDIS_URL (…/1). If the "
        "other one was stopped for good, wait ten seconds.",
    )


def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
