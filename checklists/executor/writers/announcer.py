"""Announces through Redis that there is something new to read; never waits for Redis long."""

from __future__ import annotations

import time

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from checklists.announcements import channel
from checklists.executor.timings import TIMES


class Announcer:
    """Publishes to one cutover's channel.

    A Redis that does not answer within half a second is left alone for a while, or every announcement
    would delay a heartbeat. Until then the pages read PostgreSQL by the clock.
    """

    def __init__(self, cutover_id: int) -> None:
        self.channel = channel(cutover_id)
        self.client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0)
        )
        self.silent_until = 0.0

    def announce(self, what: str) -> None:
        """Publishes one word: ``changed``, ``log`` or ``progress``. Everything else is in PostgreSQL."""
        if time.monotonic() < self.silent_until:
            return
        try:
            self.client.publish(self.channel, what)
        except redis.RedisError:
            self.silent_until = time.monotonic() + TIMES.silence
