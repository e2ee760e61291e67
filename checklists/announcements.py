"""Tells the web processes that a cutover changed. Best effort: PostgreSQL is what they read."""

from __future__ import annotations

import logging
from functools import cache, partial

import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)


def channel(cutover_id: int) -> str:
    """The Redis channel on which a cutover's changes are announced."""
    return f"cutover:{cutover_id}"


@cache
def _redis() -> redis.Redis:
    # A frozen Redis must not hold up a click: the row is committed, the message only saves seconds.
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )


def announce(cutover_id: int, what: str = "changed") -> None:
    """Publishes at once; a Redis that is away costs latency, never an error."""
    try:
        _redis().publish(channel(cutover_id), what)
    except redis.RedisError as error:
        log.info("could not announce %s of cutover %s: %s", what, cutover_id, type(error).__name__)


def announce_on_commit(cutover_id: int, what: str = "changed") -> None:
    """Publishes when, and only when, the transaction is committed."""
    transaction.on_commit(partial(announce, cutover_id, what))
